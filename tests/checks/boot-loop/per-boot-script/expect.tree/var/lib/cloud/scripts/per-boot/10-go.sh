#!/bin/sh
echo booted > /var/log/booted
#ec2-rescue# init 0
