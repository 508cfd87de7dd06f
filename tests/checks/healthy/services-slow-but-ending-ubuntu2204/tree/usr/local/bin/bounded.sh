#!/bin/bash
for i in $(seq 30); do
	ping -c1 10.0.0.5 && exit 0
	sleep 1
done
n=0
while true; do
	n=$((n + 1))
	[ $n -gt 10 ] && break
	sleep 1
done
