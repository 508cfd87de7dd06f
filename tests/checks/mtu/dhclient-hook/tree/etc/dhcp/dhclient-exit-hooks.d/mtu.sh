case $reason in
BOUND|RENEW) ip link set dev $interface mtu 64 ;;
esac
