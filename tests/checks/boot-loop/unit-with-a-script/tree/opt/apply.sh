#!/bin/bash
set -e
for p in a b; do
	dnf -y install $p
done
systemctl reboot
