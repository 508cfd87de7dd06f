umask 022
logout
