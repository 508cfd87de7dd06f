export APP=1
[ -d /opt/app ] || mkdir /opt/app
#ec2-rescue# exit 1
