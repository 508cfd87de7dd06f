/* SPDX-License-Identifier: GPL-2.0-or-later */
/* checks/mtu_places: every place that sets an MTU is seen, with its line, its card and whether it counts;
 * and over all combinations of who sets one, what the card ends with. */
#include "checks/mtu_places.h"
#include "checks/check.h"
#include "tests/checks/scratch.h"
#include "tests/unit/unit.h"

/* A system of one family, and what must be read in it. */
static struct scratch s;
static struct machine *m;
static struct cloud_facts cloud;

static void begin(const char *os)
{
	cleanup(free) char *release = mem_printf("%s\n", os);

	scratch_open(&s);
	scratch_text(&s, "/etc/os-release", release);
	scratch_text(&s, "/usr/bin/sh", "x");
}

static void program(const char *path, const char *text)
{
	cleanup(free) char *full = mem_printf("%s%s", s.dir, path);

	scratch_text(&s, path, text);
	assert_int_equal(chmod(full, 0755), 0);
}

static void look(void)
{
	const struct machine_given given = { .tree = s.tree, .cloud = &cloud };

	if (m)
		machine_free(m);
	m = machine_new(&given);
}

static void end(void)
{
	machine_free(m);
	m = NULL;
	scratch_close(&s);
}

static const struct mtu_place *place(const char *path, uint32_t line)
{
	const struct mtu_places *places = mtu_places(m);

	vec_foreach (p, places)
		if (p->line == line && str_eq(p->path, path))
			return p;
	return NULL;
}

static void is(const char *path, uint32_t line, const char *interface, enum mtu_says says,
	       uint32_t value, enum mtu_by by, bool is_effective)
{
	const struct mtu_place *p = place(path, line);

	if (!p)
		print_error("%s:%u is no place\n", path, line);
	assert_non_null(p);
	assert_string_equal(p->interface, interface);
	assert_int_equal(p->says, says);
	assert_int_equal(p->value, value);
	assert_string_equal(mtu_by_name(p->by), mtu_by_name(by));
	assert_int_equal(p->is_effective, is_effective);
}

static void ends(const char *card, enum mtu_end_kind kind, uint32_t value)
{
	struct mtu_end e = mtu_end(m, card);

	if (e.kind != kind || e.value != value)
		print_error("%s ends with %d %u (%s)\n", card, (int)e.kind, e.value,
			    e.place ? e.place->path : "nobody's word");
	assert_int_equal(e.kind, kind);
	if (kind == MTU_END_BYTES)
		assert_int_equal(e.value, value);
}

#define RHEL   "ID=rhel\nID_LIKE=fedora\nVERSION_ID=8.9"
#define DEBIAN "ID=debian\nVERSION_ID=11"
#define UBUNTU "ID=ubuntu\nID_LIKE=debian\nVERSION_ID=22.04"
#define AL2    "ID=amzn\nID_LIKE=\"centos rhel fedora\"\nVERSION_ID=2"
#define AL2023 "ID=amzn\nID_LIKE=fedora\nVERSION_ID=2023"

#define ETH0 "/etc/sysconfig/network-scripts/ifcfg-eth0"

static void initscripts(void)
{
	begin(AL2);
	scratch_text(&s, "/etc/init.d/network", "x");
	scratch_text(&s, "/etc/rc.d/rc3.d/S10network", "x");
	scratch_text(&s, "/etc/sysconfig/network", "NETWORKING=yes\n");
	scratch_text(&s, "/usr/sbin/dhclient", "x");
}

static void ifcfg(void **state)
{
	(void)state;
	initscripts();
	scratch_text(&s, ETH0,
		     "DEVICE=eth0\nBOOTPROTO=none\nIPADDR=10.0.0.5\nONBOOT=yes\nMTU=\"1400\"\n"
		     "IPV6_MTU=1300\n");
	scratch_text(&s, "/etc/sysconfig/network-scripts/ifcfg-eth1",
		     "DEVICE=eth1\nBOOTPROTO=dhcp\nONBOOT=yes\nMTU=$SIZE\n");
	scratch_text(&s, "/etc/sysconfig/network-scripts/ifcfg-br0",
		     "DEVICE=br0\nTYPE=Bridge\nMTU=1280\n");
	look();
	is(ETH0, 5, "eth0", MTU_SETS, 1400, MTU_BY_IFCFG, true);
	is(ETH0, 6, "eth0", MTU_SETS_V6, 1300, MTU_BY_IFCFG, true);
	assert_int_equal(mtu_places(m)->count, 2); /* no bridge, and nothing of a variable */
	ends("eth0", MTU_END_BYTES, 1400);
	ends("eth1", MTU_END_UNKNOWN, 0); /* $SIZE is a shell's to know */
	scratch_text(&s, "/etc/sysconfig/network-scripts/ifcfg-eth1",
		     "DEVICE=eth1\nBOOTPROTO=dhcp\nONBOOT=yes\n");
	look();
	ends("eth1", MTU_END_DHCP, 0); /* Amazon's dhclient asks for it */
	scratch_text(&s, ETH0, "DEVICE=eth0\nBOOTPROTO=dhcp\nONBOOT=yes\nMTU=1400\n");
	look();
	ends("eth0", MTU_END_UNKNOWN, 0); /* ifup's word and then the lease's */
	scratch_text(&s, "/etc/dhcp/dhclient.conf", "request subnet-mask, routers;\n");
	look();
	ends("eth0", MTU_END_BYTES, 1400);
	ends("eth1", MTU_END_BYTES, MTU_KERNEL);
	end();
}

static void network_manager(void **state)
{
	static const char profile[] = "/etc/NetworkManager/system-connections/a.nmconnection";
	static const char conf[] = "/etc/NetworkManager/conf.d/50-mtu.conf";

	(void)state;
	begin("ID=rhel\nID_LIKE=fedora\nVERSION_ID=9.4");
	scratch_enable(&s, "NetworkManager.service");
	look();
	ends("eth0", MTU_END_DHCP, 0); /* its own profile */
	scratch_text(&s, conf,
		     "[connection-mtu]\nmatch-device=interface-name:eth0\nethernet.mtu=1450\n");
	look();
	is(conf, 3, "eth0", MTU_SETS, 1450, MTU_BY_NM, true);
	ends("eth0", MTU_END_BYTES, 1450);
	ends("eth1", MTU_END_DHCP, 0);
	scratch_text(&s, conf, "[connection]\nethernet.mtu=0\n");
	look();
	is(conf, 2, "*", MTU_REFUSES_DHCP, 0, MTU_BY_NM, true);
	ends("eth0", MTU_END_BYTES, MTU_KERNEL);
	scratch_text(&s, profile,
		     "[connection]\ntype=ethernet\ninterface-name=eth0\n[ethernet]\nmtu=1400\n");
	look();
	is(profile, 5, "eth0", MTU_SETS, 1400, MTU_BY_NM, true);
	ends("eth0", MTU_END_BYTES, 1400);
	ends("eth1", MTU_END_BYTES, MTU_KERNEL);
	scratch_text(&s, profile, "[connection]\ntype=vlan\n[ethernet]\nmtu=1400\n");
	look();
	assert_null(place(profile, 4));
	end();
}

#define INTERFACES "/etc/network/interfaces"

static void ifupdown(void **state)
{
	(void)state;
	begin(DEBIAN);
	scratch_enable(&s, "networking.service");
	scratch_text(&s, "/sbin/dhclient", "x");
	scratch_text(&s, INTERFACES,
		     "auto lo eth0 eth1 eth2\niface lo inet loopback\n"
		     "iface eth0 inet static\n address 10.0.0.5/24\n mtu 1400\n"
		     "iface eth1 inet dhcp\n mtu 1300\n post-up ip link set dev $IFACE mtu 1350\n"
		     "iface eth2 inet manual\n pre-up /sbin/ip l s eth2 mtu 1250 || true\n"
		     " down ip link set eth2 mtu 1111\n"
		     "iface eth0 inet6 static\n address fd00::5/64\n mtu 1290\n");
	look();
	is(INTERFACES, 5, "eth0", MTU_SETS, 1400, MTU_BY_IFUPDOWN, true);
	is(INTERFACES, 7, "eth1", MTU_SETS, 1300, MTU_BY_IFUPDOWN, false);
	is(INTERFACES, 8, "eth1", MTU_SETS, 1350, MTU_BY_IFUPDOWN, true);
	is(INTERFACES, 10, "eth2", MTU_SETS, 1250, MTU_BY_IFUPDOWN, true);
	is(INTERFACES, 14, "eth0", MTU_SETS_V6, 1290, MTU_BY_IFUPDOWN, true);
	assert_int_equal(mtu_places(m)->count, 5);
	ends("eth0", MTU_END_BYTES, 1400);
	ends("eth1", MTU_END_BYTES, 1350);
	ends("eth2", MTU_END_BYTES, 1250);
	end();
}

#define DHCLIENT "/etc/dhcp/dhclient.conf"

static void dhclient(void **state)
{
	static const struct {
		const char *text;
		uint32_t line, value;
		enum mtu_says says;
		enum mtu_end_kind kind;
		uint32_t end;
	} cases[] = {
		{ "request subnet-mask, broadcast-address,\n routers, interface-mtu;\n", 1, 0,
		  MTU_TAKES_DHCP, MTU_END_DHCP, 0 },
		{ "# interface-mtu\nrequest subnet-mask, routers;\n", 2, 0, MTU_REFUSES_DHCP,
		  MTU_END_BYTES, MTU_KERNEL },
		{ "supersede interface-mtu 1400;\n", 1, 1400, MTU_SETS, MTU_END_BYTES, 1400 },
		{ "default interface-mtu 1450;\n", 1, 1450, MTU_WITHOUT_OFFER, MTU_END_BYTES,
		  1450 },
		{ "default interface-mtu 1450;\nrequest interface-mtu, routers;\n", 1, 1450,
		  MTU_WITHOUT_OFFER, MTU_END_DHCP, 0 },
		{ "request routers;\nalso request interface-mtu;\n", 2, 0, MTU_TAKES_DHCP,
		  MTU_END_DHCP, 0 },
		{ "interface \"eth0\" {\n supersede interface-mtu 1420;\n}\n", 2, 1420, MTU_SETS,
		  MTU_END_BYTES, 1420 },
		{ "interface \"eth7\" {\n supersede interface-mtu 1420;\n}\n", 2, 1420, MTU_SETS,
		  MTU_END_BYTES, MTU_KERNEL },
		{ "lease { option interface-mtu 1000; }\n", 0, 0, MTU_SETS, MTU_END_BYTES,
		  MTU_KERNEL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		begin(DEBIAN);
		scratch_enable(&s, "networking.service");
		scratch_text(&s, "/sbin/dhclient", "x");
		scratch_text(&s, INTERFACES, "auto eth0\niface eth0 inet dhcp\n");
		scratch_text(&s, DHCLIENT, cases[i].text);
		look();
		if (cases[i].line)
			is(DHCLIENT, cases[i].line,
			   strstr(cases[i].text, "eth0")   ? "eth0"
			   : strstr(cases[i].text, "eth7") ? "eth7"
							   : "*",
			   cases[i].says, cases[i].value, MTU_BY_DHCLIENT, true);
		ends("eth0", cases[i].kind, cases[i].end);
		/* Not read where the card has a file of its own. */
		scratch_text(&s, "/etc/dhcp/dhclient-eth0.conf", "supersede interface-mtu 1333;\n");
		look();
		ends("eth0", MTU_END_BYTES, 1333);
		end();
	}
}

static void dhclient_hooks(void **state)
{
	static const char hook[] = "/etc/dhcp/dhclient-enter-hooks.d/mtu";

	(void)state;
	initscripts();
	scratch_text(&s, ETH0, "DEVICE=eth0\nBOOTPROTO=dhcp\nONBOOT=yes\n");
	scratch_text(&s, hook, "# no jumbo frames\nunset new_interface_mtu\n");
	look();
	is(hook, 2, "*", MTU_REFUSES_DHCP, 0, MTU_BY_DHCLIENT, true);
	ends("eth0", MTU_END_BYTES, MTU_KERNEL);
	scratch_text(&s, hook, "new_interface_mtu=1400\n");
	look();
	ends("eth0", MTU_END_BYTES, 1400);
	scratch_text(&s, hook, "if [ x = y ]; then unset new_interface_mtu; fi\n");
	look();
	ends("eth0", MTU_END_UNKNOWN, 0);
	scratch_text(&s, hook, "\n");
	scratch_text(&s, "/etc/dhcp/dhclient-exit-hooks.d/mtu",
		     "case $reason in BOUND) ip link set dev $interface mtu 1430 ;; esac\n");
	look();
	ends("eth0", MTU_END_UNKNOWN, 0);
	scratch_text(&s, "/etc/dhcp/dhclient-exit-hooks.d/mtu",
		     "ip link set dev $interface mtu 1430\n");
	look();
	is("/etc/dhcp/dhclient-exit-hooks.d/mtu", 1, "*", MTU_SETS, 1430, MTU_BY_HOOK, true);
	ends("eth0", MTU_END_BYTES, 1430);
	end();
}

static void dhcpcd(void **state)
{
	static const char path[] = "/etc/dhcpcd.conf";

	(void)state;
	begin("ID=debian\nVERSION_ID=13");
	scratch_enable(&s, "networking.service");
	scratch_text(&s, "/usr/sbin/dhcpcd", "x");
	scratch_text(&s, INTERFACES, "auto eth0\niface eth0 inet dhcp\n");
	scratch_text(&s, path, "hostname\n#option interface_mtu\n");
	look();
	assert_int_equal(mtu_places(m)->count, 0);
	ends("eth0", MTU_END_BYTES, MTU_KERNEL);
	scratch_text(&s, path,
		     "option routers, interface_mtu\ninterface eth1\nnooption interface_mtu\n"
		     "interface wlan0\nstatic interface_mtu=1200\n");
	look();
	is(path, 1, "*", MTU_TAKES_DHCP, 0, MTU_BY_DHCPCD, true);
	is(path, 3, "eth1", MTU_REFUSES_DHCP, 0, MTU_BY_DHCPCD, true);
	assert_false(place(path, 5)->is_effective);
	ends("eth0", MTU_END_UNKNOWN, 0); /* of the card or of its routes, by version */
	end();
}

#define NETPLAN "/etc/netplan/50-cloud-init.yaml"

static void netplan(void **state)
{
	(void)state;
	begin(UBUNTU);
	scratch_enable(&s, "systemd-networkd.service");
	scratch_text(&s, "/usr/sbin/netplan", "x");
	scratch_text(&s, NETPLAN,
		     "network:\n  version: 2\n  ethernets:\n    ens5:\n      dhcp4: true\n"
		     "      mtu: 1500\n      ipv6-mtu: 1400\n    ens6:\n      dhcp4: true\n"
		     "      dhcp4-overrides:\n        use-mtu: false\n    ens7: {dhcp4: true}\n"
		     "    any:\n      match: {name: \"enX*\"}\n      mtu: 1300\n"
		     "  bridges:\n    br0: {mtu: 1200}\n");
	look();
	is(NETPLAN, 6, "ens5", MTU_SETS, 1500, MTU_BY_NETPLAN, true);
	is(NETPLAN, 7, "ens5", MTU_SETS_V6, 1400, MTU_BY_NETPLAN, true);
	is(NETPLAN, 11, "ens6", MTU_REFUSES_DHCP, 0, MTU_BY_NETPLAN, true);
	is(NETPLAN, 15, "enX*", MTU_SETS, 1300, MTU_BY_NETPLAN, true);
	assert_int_equal(mtu_places(m)->count, 4);
	ends("ens5", MTU_END_BYTES, 1500);
	ends("ens6", MTU_END_BYTES, MTU_KERNEL);
	ends("ens7", MTU_END_DHCP, 0);
	ends("enX1", MTU_END_BYTES, 1300);
	scratch_text(&s, NETPLAN,
		     "network: {version: 2, ethernets: {ens5: {mtu: 1400}, ens6: {mtu: 1300}}}\n");
	look();
	ends("ens5", MTU_END_BYTES, 1400);
	ends("ens6", MTU_END_BYTES, 1300);
	ends("eth9", MTU_END_UNKNOWN, 0); /* nobody's, in a tree that is no whole system */
	end();
}

static void networkd(void **state)
{
	static const char ec2[] = "/usr/lib/systemd/network/80-ec2.network";
	static const char drop[] = "/etc/systemd/network/80-ec2.network.d/mtu.conf";
	static const char own[] = "/etc/systemd/network/10-ens5.network";

	(void)state;
	begin(AL2023);
	scratch_enable(&s, "systemd-networkd.service");
	scratch_text(
		&s, ec2,
		"[Match]\nDriver=ena ixgbevf vif\n[Link]\nMTUBytes=9001\n[Network]\nDHCP=yes\n");
	look();
	is(ec2, 4, "*", MTU_SETS, 9001, MTU_BY_NETWORKD, true);
	ends("ens5", MTU_END_BYTES, 9001);
	scratch_text(&s, drop, "[Link]\nMTUBytes=1500\n");
	look();
	is(drop, 2, "*", MTU_SETS, 1500, MTU_BY_NETWORKD, true);
	ends("ens5", MTU_END_BYTES, 1500);
	scratch_text(
		&s, own,
		"[Match]\nName=ens5\n[Network]\nDHCP=ipv4\nIPv6MTUBytes=1280\n[DHCP]\nUseMTU=1\n");
	look();
	is(own, 5, "ens5", MTU_SETS_V6, 1280, MTU_BY_NETWORKD, true);
	is(own, 7, "ens5", MTU_TAKES_DHCP, 0, MTU_BY_NETWORKD, true);
	ends("ens5", MTU_END_DHCP, 0);
	ends("ens6", MTU_END_BYTES, 1500);
	scratch_text(&s, own, "[Match]\nName=ens5\n[Network]\nDHCP=ipv4\n");
	look();
	ends("ens5", MTU_END_BYTES, MTU_KERNEL); /* UseMTU is off by default */
	scratch_text(&s, own, "[Match]\nName=ens5\n[Link]\nMTUBytes=9K\n[DHCPv4]\nUseMTU=yes\n");
	look();
	ends("ens5", MTU_END_BYTES, 9216); /* goes before the offer */
	scratch_text(&s, own, "[Match]\nName=wg0\n[Link]\nMTUBytes=1420\n");
	look();
	assert_null(place(own, 4));
	end();
}

static void links(void **state)
{
	static const char first[] = "/etc/systemd/network/10-card.link";
	static const char later[] = "/etc/systemd/network/50-all.link";

	(void)state;
	begin(AL2023);
	scratch_enable(&s, "systemd-networkd.service");
	scratch_text(&s, "/etc/systemd/network/a.network",
		     "[Match]\nName=e*\n[Network]\nDHCP=yes\n");
	scratch_text(&s, later, "[Match]\nDriver=ena\n[Link]\nMTUBytes=1400\n");
	look();
	is(later, 4, "*", MTU_SETS, 1400, MTU_BY_LINK, true);
	ends("ens5", MTU_END_BYTES, 1400);
	scratch_text(&s, first, "[Match]\nOriginalName=*\n[Link]\nMTUBytes=1450\n");
	look();
	is(later, 4, "*", MTU_SETS, 1400, MTU_BY_LINK, false); /* the first one counts */
	ends("ens5", MTU_END_BYTES, 1450);
	scratch_text(&s, first, "[Match]\nType=wlan\n[Link]\nMTUBytes=1450\n");
	look();
	ends("ens5", MTU_END_BYTES, 1400);
	end();
}

#define RULES "/etc/udev/rules.d/70-mtu.rules"

static void udev(void **state)
{
	(void)state;
	begin(AL2);
	scratch_enable(&s, "systemd-networkd.service");
	scratch_text(&s, "/etc/systemd/network/a.network",
		     "[Match]\nName=e*\n[Network]\nDHCP=yes\n");
	scratch_text(
		&s, RULES,
		"# ATTR{mtu}=\"1000\"\nSUBSYSTEM==\"net\", ACTION==\"add\", KERNEL==\"eth0\", \\\n"
		"  ATTR{mtu}=\"1400\"\n"
		"SUBSYSTEM==\"net\", KERNEL==\"eth1\", RUN+=\"/sbin/ip link set %k mtu 1450\"\n"
		"SUBSYSTEM==\"net\", KERNEL==\"eth2\", ATTR{mtu}==\"1300\", ATTR{type}==\"1\"\n"
		"SUBSYSTEM==\"net\", ACTION==\"remove\", ATTR{mtu}=\"1200\"\n"
		"SUBSYSTEM==\"net\", KERNEL==\"tun*\", ATTR{mtu}=\"1200\"\n");
	look();
	is(RULES, 3, "eth0", MTU_SETS, 1400, MTU_BY_UDEV, true);
	is(RULES, 4, "eth1", MTU_SETS, 1450, MTU_BY_UDEV, true);
	assert_null(place(RULES, 5));
	assert_false(place(RULES, 6)->is_effective);
	assert_false(place(RULES, 7)->is_effective);
	ends("eth0", MTU_END_BYTES, 1400);
	ends("eth1", MTU_END_BYTES, 1450);
	ends("eth2", MTU_END_BYTES, MTU_KERNEL);
	end();
}

static void scripts(void **state)
{
	static const char rc[] = "/etc/rc.d/rc.local";
	static const char dispatcher[] = "/etc/NetworkManager/dispatcher.d/20-mtu";
	static const char unit[] = "/etc/systemd/system/mtu.service";

	(void)state;
	begin("ID=rhel\nID_LIKE=fedora\nVERSION_ID=9.4");
	scratch_enable(&s, "NetworkManager.service");
	scratch_text(&s, "/usr/lib/systemd/system/multi-user.target", "[Unit]\nDescription=x\n");
	scratch_text(&s, "/usr/lib/systemd/system/default.target", "");
	{
		cleanup(free) char *link =
			mem_printf("%s/etc/systemd/system/default.target", s.dir);

		assert_int_equal(symlink("/usr/lib/systemd/system/multi-user.target", link), 0);
	}
	program(dispatcher, "#!/bin/sh\n[ \"$1\" = eth0 ] && ip link set dev \"$1\" mtu 1450\n");
	look();
	is(dispatcher, 2, "*", MTU_SETS, 1450, MTU_BY_HOOK, true);
	assert_true(place(dispatcher, 2)->is_conditional);
	ends("eth0", MTU_END_UNKNOWN, 0);
	scratch_text(&s, dispatcher, "#!/bin/sh\nip link set dev $1 mtu 1450\n");
	look();
	assert_null(place(dispatcher, 2)); /* may not be executed */
	program(rc, "#!/bin/sh\n/sbin/ifconfig eth0 mtu 1300 up\nip route change default mtu 1200\n"
		    "ip link set docker0 mtu 1100\n");
	look();
	is(rc, 2, "eth0", MTU_SETS, 1300, MTU_BY_SCRIPT, true);
	assert_int_equal(mtu_places(m)->count, 1);
	ends("eth0", MTU_END_BYTES, 1300);
	ends("eth1", MTU_END_DHCP, 0);
	scratch_enable(&s, "mtu.service");
	scratch_text(&s, unit,
		     "[Service]\nType=oneshot\n"
		     "ExecStart=/bin/sh -c 'ip link set dev eth1 mtu 1350'\n"
		     "ExecStartPost=/usr/local/sbin/mtu.sh\n");
	program("/usr/local/sbin/mtu.sh", "#!/bin/sh\nexec ip link set mtu 1360 dev eth2\n");
	look();
	is(unit, 3, "eth1", MTU_SETS, 1350, MTU_BY_UNIT, true);
	is("/usr/local/sbin/mtu.sh", 2, "eth2", MTU_SETS, 1360, MTU_BY_UNIT, true);
	ends("eth1", MTU_END_BYTES, 1350);
	ends("eth2", MTU_END_BYTES, 1360);
	end();
}

static void cloud_init(void **state)
{
	static const char v2[] = "/etc/cloud/cloud.cfg.d/99-net.cfg";
	static const char v1[] = "/etc/cloud/cloud.cfg.d/98-net.cfg";

	(void)state;
	begin(UBUNTU);
	scratch_enable(&s, "systemd-networkd.service");
	scratch_text(&s, "/usr/sbin/netplan", "x");
	scratch_text(&s, NETPLAN, "network: {version: 2, ethernets: {ens5: {dhcp4: true}}}\n");
	scratch_text(&s, v2, "network:\n  version: 2\n  ethernets:\n    ens5:\n      mtu: 1400\n");
	scratch_text(&s, v1,
		     "network:\n  version: 1\n  config:\n    - type: physical\n      name: ens5\n"
		     "      mtu: 1300\n    - {type: bridge, name: br0, mtu: 1200}\n");
	look();
	is(v2, 5, "ens5", MTU_SETS, 1400, MTU_BY_CLOUD_INIT, false);
	is(v1, 6, "ens5", MTU_SETS, 1300, MTU_BY_CLOUD_INIT, false);
	assert_int_equal(mtu_places(m)->count, 2);
	ends("ens5", MTU_END_DHCP, 0); /* what it wrote counts, until the instance is another */
	end();
}

/* ---- who wins ------------------------------------------------------------------------------- */

enum { STACKS = 6 };

/* The stack's own answer, written down apart from the model: 0: the card keeps what it had; -1: DHCP's. */
static int make_stack(int kind, int has_mtu, int takes)
{
	cleanup(free) char *text = NULL;
	const char *mtu = has_mtu ? "1310" : NULL;

	switch (kind) {
	case 0: /* networkd */
		text = mem_printf(
			"[Match]\nName=eth0\n[Link]\n%s\n[Network]\nDHCP=yes\n[DHCPv4]\n%s\n",
			mtu ? "MTUBytes=1310" : "",
			takes == 1   ? "UseMTU=yes"
			: takes == 2 ? "UseMTU=no"
				     : "");
		scratch_enable(&s, "systemd-networkd.service");
		scratch_text(&s, "/etc/systemd/network/a.network", text);
		return mtu ? 1310 : takes == 1 ? -1 : 0;
	case 1: /* netplan */
		text = mem_printf("network: {version: 2, ethernets: {eth0: {dhcp4: true%s%s}}}\n",
				  mtu ? ", mtu: 1310" : "",
				  takes == 1   ? ", dhcp4-overrides: {use-mtu: true}"
				  : takes == 2 ? ", dhcp4-overrides: {use-mtu: false}"
					       : "");
		scratch_enable(&s, "systemd-networkd.service");
		scratch_text(&s, "/usr/sbin/netplan", "x");
		scratch_text(&s, NETPLAN, text);
		return mtu ? 1310 : takes == 2 ? 0 : -1;
	case 2: /* NetworkManager */
		scratch_enable(&s, "NetworkManager.service");
		text = mem_printf("[connection]\ntype=ethernet\n[ethernet]\n%s\n",
				  mtu ? "mtu=1310" : "");
		scratch_text(&s, "/etc/NetworkManager/system-connections/a", text);
		if (takes == 2)
			scratch_text(&s, "/etc/NetworkManager/conf.d/a.conf",
				     "[connection]\nethernet.mtu=0\n");
		return mtu ? 1310 : takes == 2 ? 0 : -1;
	case 3: /* ifupdown, static */
		scratch_enable(&s, "networking.service");
		text = mem_printf("iface eth0 inet static\n address 10.0.0.5/24\n%s",
				  mtu ? " mtu 1310\n" : "");
		scratch_text(&s, INTERFACES, text);
		return mtu ? 1310 : 0;
	case 4: /* ifupdown, dhclient */
		scratch_enable(&s, "networking.service");
		scratch_text(&s, "/sbin/dhclient", "x");
		scratch_text(&s, INTERFACES, "iface eth0 inet dhcp\n mtu 1111\n");
		text = mem_printf("%s\n%s\n", mtu ? "supersede interface-mtu 1310;" : "",
				  takes == 1   ? "request interface-mtu, routers;"
				  : takes == 2 ? "request routers;"
					       : "");
		scratch_text(&s, DHCLIENT, text);
		return mtu ? 1310 : takes == 1 ? -1 : 0;
	default: /* ifcfg, static, of the initscripts */
		scratch_text(&s, "/etc/init.d/network", "x");
		scratch_text(&s, "/etc/rc.d/rc3.d/S10network", "x");
		scratch_text(&s, "/etc/sysconfig/network", "NETWORKING=yes\n");
		text = mem_printf("DEVICE=eth0\nONBOOT=yes\nBOOTPROTO=none\nIPADDR=10.0.0.5\n%s\n",
				  mtu ? "MTU=1310" : "");
		scratch_text(&s, ETH0, text);
		return mtu ? 1310 : 0;
	}
}

/* Each may say a number; the last one in the order of a boot wins. bits: link file, rule, rc.local. */
static void all_together(void **state)
{
	unsigned count = 0;

	(void)state;
	for (int kind = 0; kind < STACKS; kind++)
		for (int has_mtu = 0; has_mtu < 2; has_mtu++)
			for (int takes = 0; takes < 3; takes++)
				for (unsigned bits = 0; bits < 16; bits++) {
					int stack, want = MTU_KERNEL;

					begin(kind == 5 ? AL2 : DEBIAN);
					stack = make_stack(kind, has_mtu, takes);
					if (bits & 1) {
						scratch_text(&s, "/etc/systemd/network/10-a.link",
							     "[Match]\nOriginalName=*\n[Link]\n"
							     "MTUBytes=1110\n");
						want = 1110;
					}
					if (bits & 2) {
						scratch_text(
							&s, RULES,
							"SUBSYSTEM==\"net\", DRIVERS==\"ena\", "
							"ATTR{mtu}=\"1210\"\n");
						want = 1210;
					}
					want = stack ? stack : want;
					if (bits & 4) {
						program("/etc/rc.local",
							"#!/bin/sh\nip link set eth0 mtu 1410\n");
						want = 1410;
					}
					if (bits & 8) {
						program("/etc/rc.local",
							bits & 4 ? "#!/bin/sh\nip link set eth0 "
								   "mtu 1410\n"
								   "ip link set eth1 mtu 1510\n"
								   "ip link set eth0 mtu 1510\n"
								 : "#!/bin/sh\nip link set eth1 "
								   "mtu 1510\n");
						want = bits & 4 ? 1510 : want;
					}
					look();
					ends("eth0", want < 0 ? MTU_END_DHCP : MTU_END_BYTES,
					     want < 0 ? 0 : (uint32_t)want);
					end();
					count++;
				}
	assert_int_equal(count, STACKS * 2 * 3 * 16);
}

/* Whatever stands there: no crash, no more than the limit, and every interface ends. */
static void hostile(void **state)
{
	cleanup(str_done) struct str rules = STR_INIT;

	(void)state;
	for (int i = 0; i < 400; i++)
		str_addf(&rules, "SUBSYSTEM==\"net\", KERNEL==\"eth%d\", ATTR{mtu}=\"%d\"\n", i % 8,
			 1000 + i);
	str_add(&rules,
		"ATTR{mtu}=\"99999999999\"\nATTR{mtu}=\"-1\"\nATTR{mtu}=\"\nATTR{mtu}\n=\n\\");
	begin(AL2);
	scratch_text(&s, RULES, rules.s);
	scratch_text(&s, "/etc/dhcpcd.conf", "interface \noption\nstatic interface_mtu=\n\xff\xfe");
	scratch_text(&s, DHCLIENT, "interface \"{{{{}}}}}}}} supersede interface-mtu ;request;");
	look();
	assert_int_equal(mtu_places(m)->count, MTU_PLACES_MAX);
	mtu_end(m, "eth0");
	mtu_end(m, "");
	end();
}

static void words(void **state)
{
	enum mtu_says says;

	(void)state;
	for (int by = 0; by < MTU_BY_COUNT; by++)
		assert_int_equal(mtu_by_find(mtu_by_name((enum mtu_by)by)), by);
	assert_int_equal(mtu_by_find("nobody"), MTU_BY_COUNT);
	for (int i = MTU_SETS; i <= MTU_WITHOUT_OFFER; i++) {
		assert_true(mtu_says_find(mtu_says_name((enum mtu_says)i), &says));
		assert_int_equal(says, i);
	}
	assert_false(mtu_says_find("", &says));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ifcfg),	  cmocka_unit_test(network_manager),
		cmocka_unit_test(ifupdown),	  cmocka_unit_test(dhclient),
		cmocka_unit_test(dhclient_hooks), cmocka_unit_test(dhcpcd),
		cmocka_unit_test(netplan),	  cmocka_unit_test(networkd),
		cmocka_unit_test(links),	  cmocka_unit_test(udev),
		cmocka_unit_test(scripts),	  cmocka_unit_test(cloud_init),
		cmocka_unit_test(all_together),	  cmocka_unit_test(hostile),
		cmocka_unit_test(words),
	};

	return cmocka_run_group_tests_name("mtu places", tests, NULL, NULL);
}
