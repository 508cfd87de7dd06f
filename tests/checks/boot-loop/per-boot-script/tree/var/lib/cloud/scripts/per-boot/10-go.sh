#!/bin/sh
echo booted > /var/log/booted
init 0
