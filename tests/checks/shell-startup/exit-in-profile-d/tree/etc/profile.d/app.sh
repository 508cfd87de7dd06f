export APP=1
[ -d /opt/app ] || mkdir /opt/app
exit 1
