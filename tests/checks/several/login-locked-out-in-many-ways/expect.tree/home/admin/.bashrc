#ec2-rescue# exit
