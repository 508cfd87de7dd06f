umask 022
#ec2-rescue# logout
