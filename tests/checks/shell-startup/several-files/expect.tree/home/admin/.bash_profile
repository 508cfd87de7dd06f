. ~/.bashrc
#ec2-rescue# exit
