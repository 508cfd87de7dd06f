cat <<END
exit
END
