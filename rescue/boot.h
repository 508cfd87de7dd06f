/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_BOOT_H
#define RESCUE_BOOT_H

/* The proof by booting: the overlay, repaired and not yet committed, is started in QEMU, and must
 * answer on its sshd port with a host key of the volume.
 *
 *   surgeon     holds the disks and no network. Lays a scratch over the overlay, reads from the files
 *               what the machine has to be like, serves the disks on socket pairs (fs/nbd.h), and
 *               hands these ends to the rehearser over the link.
 *   rehearser   holds the network of nobody: a network namespace of its own with a loopback device in
 *               it, every mount read-only, nobody's uid, no credential, no file of the volume. Starts
 *               QEMU, reads the console, looks at the sshd port, says what it saw.
 *   QEMU        as the rehearser, and under its own seccomp filter.
 *
 * The link is a SOCK_SEQPACKET pair, one JSON object a message:
 *
 *   to the rehearser    a struct boot_spec, with the descriptors of the console file and of each disk
 *   from the rehearser  {"event": ...} for the report; a struct boot_result, which ends that boot
 *
 * What comes from the rehearser may have been made up by a hostile guest. */

#include "base/loop.h"
#include "base/str.h"
#include "fs/volume.h"
#include "rescue/surgery.h"

#include <jansson.h>

#define BOOT_LINK	 3 /* the rehearser's descriptor */
#define BOOT_DISKS_MAX	 16u
#define BOOT_KEYS_MAX	 16u
#define BOOT_KEY_MAX	 2048u /* bytes of a host key in base64 */
#define BOOT_MESSAGE_MAX 65536u

enum boot_arch { BOOT_X86_64, BOOT_ARM64 };
enum boot_bus { BOOT_NVME, BOOT_VIRTIO };

/* Written out where they are used, so that each is harmless in an option of QEMU's. */
struct boot_ip4 {
	uint32_t address, gateway, dns, net; /* host byte order */
	uint32_t prefix;
};

struct boot_spec {
	enum boot_arch arch;
	enum boot_bus bus;
	bool is_uefi, may_use_kvm;
	uint32_t limit_s, disks, ssh_port;
	unsigned char mac[6];
	struct boot_ip4 ip;
	VEC(char *) host_keys; /* base64; empty: the volume has none */
};
void boot_spec_done(struct boot_spec *);
DEFINE_CLEANUP_DONE(struct boot_spec, boot_spec_done)

enum boot_outcome {
	BOOT_ANSWERS, /* with a key of the volume */
	BOOT_FAILS,
	BOOT_STUCK, /* nothing came of KVM: not the volume's fault */
	BOOT_BROKE, /* QEMU could not be started or failed */
};
struct boot_result {
	enum boot_outcome outcome;
	bool lacks_root; /* the console says that the root device is not found */
	char text[512];	 /* a sentence without its subject: "answers on port 22 ..." */
};

/* "06:52:54:00:00:01", whatever comes behind it. */
bool boot_mac_parse(const char *text, unsigned char ret[6]);
json_t *boot_spec_to_json(const struct boot_spec *);
int boot_spec_from_json(const json_t *, struct boot_spec *ret, struct err *)
	__attribute__((warn_unused_result));
json_t *boot_result_to_json(const struct boot_result *);
int boot_result_from_json(const json_t *, struct boot_result *ret, struct err *)
	__attribute__((warn_unused_result));
/* One message; fds: BOOT_DISKS_MAX + 1 at most. Sending takes `json` over. -1: the other end is gone,
 * or sent what is none. */
int boot_send(int link, json_t *json, const int *fds, size_t fd_count, struct err *)
	__attribute__((warn_unused_result));
int boot_receive(int link, json_t **ret, int fds[BOOT_DISKS_MAX + 1], size_t *ret_fd_count,
		 struct err *) __attribute__((warn_unused_result));

/* The command that starts the machine (rescue/boot_machine.c). console and disks: descriptors that it
 * inherits. NULL: no program or firmware for it here; err (ERR_TOOL) names the package. */
struct boot_command {
	VEC(char *) argv; /* with a NULL at the end */
	bool uses_kvm;
	int firmware_vars; /* a memory file that it inherits; -1: none */
};
#define BOOT_COMMAND_INIT           \
	(struct boot_command)       \
	{                           \
		.firmware_vars = -1 \
	}
int boot_command_make(const struct boot_spec *, const int *disks, struct boot_command *ret,
		      struct err *) __attribute__((warn_unused_result));
void boot_command_done(struct boot_command *);
DEFINE_CLEANUP_DONE(struct boot_command, boot_command_done)
/* Is all there that such a machine needs? ERR_TOOL: the package is named. */
int boot_tools(enum boot_arch arch, bool is_uefi, struct err *) __attribute__((warn_unused_result));
/* Before anything is known of the volume: for any processor? */
int boot_tools_are_here(struct err *) __attribute__((warn_unused_result));
/* Where the rehearser knocks, in its own network: no address of the guest's network, so that the answer
 * needs the guest's default route. */
#define BOOT_OUTSIDE	  0xc0000201u /* 192.0.2.1, RFC 5737 */
#define BOOT_OUTSIDE_PORT 2222u

/* --- the surgeon's side --- */

struct boot_request {
	struct volume *volume;
	const struct boot_wish *wish;
	uint32_t ssh_port;		 /* 0: unknown */
	const struct cloud_facts *cloud; /* NULL: unknown */
	void (*event)(void *arg, json_t *event);
	void *arg;
};
/* Early: can this volume be booted here? The tree is mounted. */
int boot_is_possible(struct volume *, struct err *) __attribute__((warn_unused_result));
/* Boots it, whatever it shows now; afterwards the volume is as before, unmounted. Says "booted".
 * ERR_UNBOOTABLE: it does not come up. Other errors: it could not be tried. */
int boot_see(const struct boot_request *, struct err *) __attribute__((warn_unused_result));
/* The same as the last proof before a commit: a failure is a warning when that was asked for. */
int boot_prove(const struct boot_request *, struct err *) __attribute__((warn_unused_result));
/* What the files say (rescue/boot_spec.c): the tree is mounted. */
int boot_spec_read(struct volume *, const struct cloud_facts *, struct boot_spec *ret, struct err *)
	__attribute__((warn_unused_result));
/* Changes of the scratch without which a machine that is not on EC2 waits for what only EC2 has; `say`
 * gets a sentence for each. */
int boot_stand_in(struct volume *, void (*say)(void *arg, const char *text), void *arg,
		  struct err *) __attribute__((warn_unused_result));

/* --- the rehearser's --- */

/* The child's whole life, with the link on descriptor BOOT_LINK. Returns the exit status. */
int rehearser_main(void);

#endif
