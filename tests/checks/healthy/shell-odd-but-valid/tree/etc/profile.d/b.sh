echo "one
exit
"
