. ~/.bashrc
exit
