case $- in
  *i*) ;;
  *) exit 0;;
esac
[ -z "$PS1" ] && exit
f() {
  exit 1
}
g() { exec bash; }
if [ "$TERM" = dumb ]; then exit; fi
for i in 1 2; do
exit
done
exec > /tmp/log 2>&1
exec 3<&0
echo exit
# exit
return
exit
