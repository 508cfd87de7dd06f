#!/bin/bash
# waits for the licence daemon
while true
do
	logger "not yet"
	sleep 5
done
