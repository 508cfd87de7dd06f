/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the files of a volume to the machine that it is started in. */
#include "checks/facts.h"
#include "rescue/boot.h"

#include <arpa/inet.h>
#include <ctype.h>

#define ESP	   "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
#define BIOS_BOOT  "21686148-6449-6e6f-744e-656564454649"
#define CONFIG_MAX 65536u
#define FILES_MAX  64u

/* --- the processor --- */

/* e_machine of the first program that is there. Source: elf(5). */
static int read_arch(struct tree *tree, enum boot_arch *ret, struct err *err)
{
	static const char *const programs[] = { "/usr/lib/systemd/systemd", "/lib/systemd/systemd",
						"/sbin/init", "/usr/sbin/sshd", "/bin/sh" };

	for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
		cleanup(str_done) struct str head = STR_INIT;
		struct err ignored = ERR_INIT;
		unsigned machine;

		if (tree_read_at(tree, programs[i], 0, 20, &head, &ignored) < 0 || head.len < 20 ||
		    memcmp(head.s, "\177ELF", 4) != 0)
			continue;
		machine = (unsigned char)head.s[18] | (unsigned)(unsigned char)head.s[19] << 8;
		*ret = machine == 183 ? BOOT_ARM64 : BOOT_X86_64;
		if (machine == 183 || machine == 62 || machine == 3)
			return 0;
		return err_set(err, ERR_UNSUPPORTED,
			       "the programs of the volume are for a processor (ELF machine %u) "
			       "that EC2 does not have",
			       machine);
	}
	return err_set(err, ERR_UNSUPPORTED,
		       "no program of the volume tells for which processor it is made");
}

/* --- the firmware --- */

static bool has_type(const struct disks *disks, const char *disk, const char *type)
{
	vec_foreach (fs, disks)
		if (fs->parttype && str_eq(fs->disk, disk) && !strcasecmp(fs->parttype, type))
			return true;
	return false;
}

/* What can be started by both is started as most instances are, by BIOS. */
static int read_firmware(const struct volume *volume, enum boot_arch arch, bool *ret_uefi,
			 struct err *err)
{
	const struct disks *disks = volume_disks(volume);
	const char *disk = disks->count ? disks->items[0].disk : "";
	bool has_table = false;

	vec_foreach (fs, disks)
		has_table |= fs->partition && str_eq(fs->disk, disk);
	if (!has_table)
		return err_set(err, ERR_UNSUPPORTED,
			       "the volume has no partition table, so no firmware can start it "
			       "(PV-GRUB of Xen did); its boot cannot be rehearsed");
	*ret_uefi = arch == BOOT_ARM64 ||
		    (has_type(disks, disk, ESP) && !has_type(disks, disk, BIOS_BOOT) &&
		     !has_type(disks, disk, "0x80"));
	vec_foreach (table, &disks->tables)
		if (arch != BOOT_ARM64 && str_eq(table->disk, disk) && table->kind &&
		    str_eq(table->kind, "dos") && !has_type(disks, disk, "0xef"))
			*ret_uefi = false;
	return 0;
}

int boot_is_possible(struct volume *volume, struct err *err)
{
	enum boot_arch arch;
	bool is_uefi;

	if (volume_is_tree(volume))
		return err_set(err, ERR_UNSUPPORTED,
			       "a mounted tree cannot be started, only a disk or an image of one");
	if (volume_disk_count(volume) > BOOT_DISKS_MAX)
		return err_set(err, ERR_UNSUPPORTED, "more than %u disks cannot be started",
			       BOOT_DISKS_MAX);
	if (read_arch(volume_tree(volume), &arch, err) < 0 ||
	    read_firmware(volume, arch, &is_uefi, err) < 0 || boot_tools(arch, is_uefi, err) < 0)
		return -1;
	return boot_tools_are_here(err);
}

/* --- sshd --- */

/* "ssh-ed25519 AAAA... comment": the second word. */
static void take_key(const struct str *line, struct boot_spec *spec)
{
	const char *key = line->s + strcspn(line->s, " ");
	size_t len;

	key += strspn(key, " ");
	len = strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=");
	if (len > 16 && len <= BOOT_KEY_MAX && spec->host_keys.count < BOOT_KEYS_MAX)
		vec_push(&spec->host_keys, mem_strndup(key, len));
}

static void read_host_keys(struct tree *tree, struct boot_spec *spec)
{
	cleanup(tree_names_done) struct tree_names names = { 0 };
	struct err ignored = ERR_INIT;

	if (tree_list(tree, "/etc/ssh", &names, &ignored) < 0)
		return;
	vec_foreach (name, &names) {
		cleanup(free) char *path = mem_printf("/etc/ssh/%s", *name);
		cleanup(str_done) struct str text = STR_INIT;

		if (str_starts(*name, "ssh_host_") && str_ends(*name, "_key.pub") &&
		    !tree_read(tree, path, 16384, &text, &ignored))
			take_key(&text, spec);
	}
}

/* --- the card --- */

/* The first address of a card, not of a group, in the text. */
static bool find_mac(const char *text, unsigned char ret[6])
{
	for (const char *p = text; (p = strchr(p, ':')); p++) {
		unsigned char mac[6];

		if (p - text < 2 ||
		    (p - text > 2 && (isxdigit((unsigned char)p[-3]) || p[-3] == ':')) ||
		    !boot_mac_parse(p - 2, mac) || isxdigit((unsigned char)p[15]) || p[15] == ':' ||
		    mac[0] & 1 || !memcmp(mac, "\0\0\0\0\0\0", 6))
			continue;
		memcpy(ret, mac, 6);
		return true;
	}
	return false;
}

static bool read_mac_in(struct tree *tree, const char *dir, unsigned char ret[6])
{
	cleanup(tree_names_done) struct tree_names names = { 0 };
	struct err ignored = ERR_INIT;
	size_t looked = 0;

	if (tree_list(tree, dir, &names, &ignored) < 0)
		return false;
	vec_foreach (name, &names) {
		cleanup(free) char *path = mem_printf("%s/%s", dir, *name);
		cleanup(str_done) struct str text = STR_INIT;

		if (looked++ < FILES_MAX && !tree_read(tree, path, CONFIG_MAX, &text, &ignored) &&
		    find_mac(text.s, ret))
			return true;
	}
	return false;
}

/* The instance's own card; without the cloud the one that the configuration is made for, because a
 * configuration may be for that one alone. */
static void read_mac(struct tree *tree, const struct cloud_facts *cloud, unsigned char ret[6])
{
	static const char *const dirs[] = { "/etc/netplan",
					    "/etc/systemd/network",
					    "/etc/sysconfig/network-scripts",
					    "/etc/sysconfig/network",
					    "/etc/NetworkManager/system-connections",
					    "/etc/network",
					    "/etc/network/interfaces.d",
					    "/etc/udev/rules.d" };
	static const unsigned char any[6] = { 0x06, 0x52, 0x54, 0x00, 0x00, 0x01 };

	memcpy(ret, any, 6);
	for (size_t i = 0; cloud && i < cloud->interface_count; i++)
		if (!cloud->interfaces[i].device_index && cloud->interfaces[i].mac &&
		    find_mac(cloud->interfaces[i].mac, ret))
			return;
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		if (read_mac_in(tree, dirs[i], ret))
			return;
}

/* "10.0.1.0/24", and an address of it. */
static bool read_subnet(const char *cidr, uint32_t address, struct boot_ip4 *ret)
{
	const char *slash = strchr(cidr, '/');
	cleanup(free) char *text = mem_strndup(cidr, strcspn(cidr, "/"));
	unsigned long prefix = slash ? strtoul(slash + 1, NULL, 10) : 0;
	struct in_addr net;

	if (prefix < 8 || prefix > 28 || !inet_aton(text, &net) ||
	    address >> (32 - prefix) != ntohl(net.s_addr) >> (32 - prefix))
		return false;
	*ret = (struct boot_ip4){ .net = ntohl(net.s_addr),
				  .prefix = (uint32_t)prefix,
				  .address = address };
	return true;
}

/* The subnet as on EC2: the router is its first address, DNS its second one. */
static void read_address(const struct cloud_facts *cloud, struct boot_ip4 *ret)
{
	*ret = (struct boot_ip4){ .net = 0x0a000200u, .prefix = 24, .address = 0x0a00020fu };
	for (size_t i = 0; cloud && i < cloud->interface_count; i++) {
		const struct cloud_interface *card = &cloud->interfaces[i];
		struct in_addr own;

		if (!card->device_index && card->private_ip_count && card->subnet_cidr &&
		    inet_aton(card->private_ips[0], &own) &&
		    read_subnet(card->subnet_cidr, ntohl(own.s_addr), ret))
			break;
	}
	ret->gateway = ret->net + 1;
	ret->dns = ret->net + 2;
}

int boot_spec_read(struct volume *volume, const struct cloud_facts *cloud, struct boot_spec *ret,
		   struct err *err)
{
	struct tree *tree = volume_tree(volume);

	if (read_arch(tree, &ret->arch, err) < 0 ||
	    read_firmware(volume, ret->arch, &ret->is_uefi, err) < 0)
		return -1;
	ret->disks = (uint32_t)volume_disk_count(volume);
	read_host_keys(tree, ret);
	read_mac(tree, cloud, ret->mac);
	read_address(cloud, &ret->ip);
	return 0;
}

/* --- what stands in for EC2 --- */

static int put_file(struct tree *tree, const char *path, const char *text, struct err *err)
{
	const struct tree_new new = { .mode = 0644 };

	if (!tree_create(tree, path, &new, text, strlen(text), err))
		return 0;
	if (err->code != ERR_CONFLICT)
		return -1;
	err_clear(err);
	return 0;
}

/* Source: cloud-init's documentation, "How to disable cloud-init". */
static int silence_cloud_init(struct tree *tree, void (*say)(void *, const char *), void *arg,
			      struct err *err)
{
	if (!tree_is_dir(tree, "/etc/cloud") || tree_exists(tree, "/etc/cloud/cloud-init.disabled"))
		return 0;
	say(arg, "cloud-init stays off in this boot: it would wait for EC2's metadata service, and "
		 "make new host keys without it");
	return put_file(tree, "/etc/cloud/cloud-init.disabled", "", err);
}

static bool is_for_ena(const char *text)
{
	for (const char *p = text; (p = strstr(p, "\nDriver=")); p++) {
		cleanup(free) char *line = mem_strndup(p + 1, strcspn(p + 1, "\n"));

		if (strstr(line, "ena") && !strstr(line, "virtio"))
			return true;
	}
	return false;
}

/* Amazon Linux 2023 takes up cards of the drivers that EC2 has. Source: systemd.network(5), [Match]
 * Driver, drop-ins; amazon-ec2-net-utils, 80-ec2.network. */
static int admit_card(struct tree *tree, const char *dir, void (*say)(void *, const char *),
		      void *arg, struct err *err)
{
	static const struct tree_new new_dir = { .mode = 0755 };
	cleanup(tree_names_done) struct tree_names names = { 0 };
	struct err ignored = ERR_INIT;

	if (tree_list(tree, dir, &names, &ignored) < 0)
		return 0;
	vec_foreach (name, &names) {
		cleanup(free) char *path = mem_printf("%s/%s", dir, *name);
		cleanup(free) char *drops = mem_printf("/etc/systemd/network/%s.d", *name);
		cleanup(free) char *drop = mem_printf("%s/zz-rehearsal.conf", drops);
		cleanup(str_done) struct str text = STR_INIT;

		if (!str_ends(*name, ".network") ||
		    tree_read(tree, path, CONFIG_MAX, &text, &ignored) < 0 || !is_for_ena(text.s))
			continue;
		if (!tree_is_dir(tree, drops) && tree_mkdir(tree, drops, &new_dir, err) < 0)
			return -1;
		if (put_file(tree, drop, "[Match]\nDriver=virtio_net\n", err) < 0)
			return -1;
		say(arg, "in this boot systemd-networkd also takes QEMU's network card, for "
			 "EC2's (driver ena) is not there");
	}
	return 0;
}

int boot_stand_in(struct volume *volume, void (*say)(void *arg, const char *text), void *arg,
		  struct err *err)
{
	struct tree *tree = volume_tree(volume);

	if (silence_cloud_init(tree, say, arg, err) < 0 ||
	    admit_card(tree, "/usr/lib/systemd/network", say, arg, err) < 0 ||
	    admit_card(tree, "/etc/systemd/network", say, arg, err) < 0)
		return err_in(err, "the files of the rehearsal");
	return 0;
}
