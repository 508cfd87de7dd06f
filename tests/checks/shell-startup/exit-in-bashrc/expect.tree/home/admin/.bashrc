# .bashrc
if [ -f /etc/bashrc ]; then
	. /etc/bashrc
fi
#ec2-rescue# exit 0
