alias ll="ls -l"
#ec2-rescue# exec bash
