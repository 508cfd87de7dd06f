case $reason in
BOUND|RENEW) ip link set dev $interface mtu 1500 ;;
esac
