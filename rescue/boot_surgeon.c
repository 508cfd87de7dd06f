/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The surgeon's side of a boot: rescue/boot.h. */
#include "checks/facts.h"
#include "fs/nbd.h"
#include "rescue/boot.h"
#include "rescue/sandbox.h"
#include "rescue/surgery_wire.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

#define SCRATCH_MAX (8ull << 30) /* that a guest may write in one boot */
#define SPARE_S	    60u		 /* for the rehearser, beyond the boot's own limit */
#define EVENTS_MAX  1000u

static void say(const struct boot_request *r, const char *event, const char *name, const char *text)
{
	json_t *told = json_pack("{s:s, s:s*, s:s}", "event", event, "name", name, "text", text);

	if (told)
		r->event(r->arg, told);
}

static void say_stand_in(void *arg, const char *text)
{
	say(arg, "fact", "boot", text);
}

/* In the scratch: read what kind of machine it is for, and prepare it. */
static int prepare(const struct boot_request *r, struct boot_spec *spec, struct err *err)
{
	struct boot_request again = *r;

	if (volume_remount(r->volume, err) < 0 ||
	    boot_spec_read(r->volume, r->cloud, spec, err) < 0 ||
	    boot_stand_in(r->volume, say_stand_in, &again, err) < 0)
		return -1;
	spec->ssh_port = r->ssh_port ? r->ssh_port : 22;
	spec->limit_s = r->wish->limit_s;
	return volume_unmount(r->volume, err);
}

static int serve(const struct boot_request *r, struct nbd **ret, struct err *err)
{
	size_t count = volume_disk_count(r->volume);
	cleanup(free) struct overlay **overlays = mem_array(count, sizeof(struct overlay *));

	for (size_t i = 0; i < count; i++)
		overlays[i] = volume_disk_overlay(r->volume, i);
	return nbd_open(overlays, count, SCRATCH_MAX, ret, err);
}

static int send_wish(const struct boot_request *r, const struct boot_spec *spec,
		     const struct nbd *nbd, struct err *err)
{
	cleanup(fd_close) int file =
		open(r->wish->console_path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
		     0600);
	int fds[BOOT_DISKS_MAX + 1];

	if (file < 0)
		return err_errno(err, errno, "%s", r->wish->console_path);
	fds[0] = file;
	for (uint32_t i = 0; i < spec->disks; i++)
		fds[1 + i] = nbd_socket(nbd, i);
	return boot_send(SANDBOX_LINK, boot_spec_to_json(spec), fds, spec->disks + 1, err);
}

/* Events of the rehearser go on to the report when they are such as it may send. */
static int relay(const struct boot_request *r, json_t *message, struct err *err)
{
	static const char *const may[] = { "fact", "console", "warning" };
	const char *kind = json_string_value(json_object_get(message, "event"));

	for (size_t i = 0; i < ARRAY_LEN(may); i++)
		if (str_eq(kind, may[i]) && !surgery_event_judge(message, err)) {
			json_incref(message);
			r->event(r->arg, message);
			return 0;
		}
	return err_set(err, ERR_MALFORMED, "the rehearser sent no event that it may send");
}

static int await(const struct boot_request *r, uint32_t limit_s, struct boot_result *ret,
		 struct err *err)
{
	for (unsigned events = 0; events < EVENTS_MAX; events++) {
		struct pollfd poll_link = { .fd = SANDBOX_LINK, .events = POLLIN };
		json_t *message;
		int rc, got;

		while ((got = poll(&poll_link, 1, (int)(limit_s + SPARE_S) * 1000)) < 0 &&
		       errno == EINTR)
			;
		if (got <= 0)
			return err_set(err, ERR_TIMEOUT, "the rehearser does not end");
		if (boot_receive(SANDBOX_LINK, &message, NULL, NULL, err) < 0)
			return -1;
		if (!json_object_get(message, "event")) {
			rc = boot_result_from_json(message, ret, err);
			json_decref(message);
			return rc;
		}
		rc = relay(r, message, err);
		json_decref(message);
		if (rc < 0)
			return -1;
	}
	return err_set(err, ERR_MALFORMED, "the rehearser sent more than %u events", EVENTS_MAX);
}

static int one_boot(const struct boot_request *r, enum boot_bus bus, bool may_use_kvm,
		    struct boot_result *ret, struct err *err)
{
	cleanup(boot_spec_done) struct boot_spec spec = { .bus = bus, .may_use_kvm = may_use_kvm };
	cleanup(nbd_close) struct nbd *nbd = NULL;
	cleanup(free) char *what = NULL;
	int rc = volume_scratch_begin(r->volume, err);

	if (!rc)
		rc = prepare(r, &spec, err);
	if (!rc)
		rc = serve(r, &nbd, err);
	if (!rc) {
		what = mem_printf("the volume is started in QEMU (%s, %s disk), cut off from every "
				  "network; its console: %s",
				  spec.is_uefi ? "UEFI" : "BIOS",
				  bus == BOOT_NVME ? "NVMe" : "virtio", r->wish->console_path);
		say(r, "fact", "boot", what);
		r->event(r->arg, json_pack("{s:s, s:s, s:s, s:i}", "event", "waiting", "name",
					   "boot", "text", "the volume boots", "deadline_s",
					   (int)r->wish->limit_s));
		rc = send_wish(r, &spec, nbd, err);
	}
	if (!rc)
		rc = await(r, r->wish->limit_s, ret, err);
	nbd_close(TAKE(nbd));
	volume_scratch_end(r->volume);
	return rc;
}

static int boots(const struct boot_request *r, struct boot_result *ret, struct err *err)
{
	bool is_nitro = r->cloud && r->cloud->hypervisor && str_eq(r->cloud->hypervisor, "nitro");
	bool may_use_kvm = r->wish->may_use_kvm;

	if (one_boot(r, BOOT_NVME, may_use_kvm, ret, err) < 0)
		return -1;
	if (ret->outcome == BOOT_STUCK) {
		cleanup(free) char *why = mem_printf(
			"KVM starts nothing here (%s), so the processor is emulated", ret->text);

		say(r, "warning", NULL, why);
		may_use_kvm = false;
		if (one_boot(r, BOOT_NVME, false, ret, err) < 0)
			return -1;
	}
	/* Instances of Xen have no NVMe disk, and their initramfs need not know one. */
	if (ret->outcome == BOOT_FAILS && ret->lacks_root && !is_nitro) {
		say(r, "warning", NULL,
		    "the root is not found on an NVMe disk, as Nitro instances have it; it is "
		    "tried once more on a virtio disk");
		return one_boot(r, BOOT_VIRTIO, may_use_kvm, ret, err);
	}
	return 0;
}

int boot_see(const struct boot_request *r, struct err *err)
{
	struct boot_result result = { 0 };
	struct stat st;

	if (fstat(SANDBOX_LINK, &st) < 0 || !S_ISSOCK(st.st_mode))
		return err_set(err, ERR_INTERNAL, "there is no rehearser");
	if (boots(r, &result, err) < 0)
		return -1;
	if (result.outcome == BOOT_BROKE || result.outcome == BOOT_STUCK)
		return err_set(err, ERR_TOOL, "the boot could not be rehearsed: %s", result.text);
	r->event(r->arg, json_pack("{s:s, s:b, s:s, s:s}", "event", "booted", "answers",
				   result.outcome == BOOT_ANSWERS, "text", result.text, "console",
				   r->wish->console_path));
	if (result.outcome != BOOT_ANSWERS)
		return err_set(err, ERR_UNBOOTABLE, "the system does not come up: %s", result.text);
	return 0;
}

int boot_prove(const struct boot_request *r, struct err *err)
{
	cleanup(free) char *text = NULL;

	if (!boot_see(r, err))
		return 0;
	if (!r->wish->may_commit_anyway || err->code == ERR_INTERRUPTED) {
		if (err->code == ERR_UNBOOTABLE)
			err_in(err, "nothing was written (--commit-anyway writes it all the same)");
		return -1;
	}
	text = mem_printf("%s; the repair may be written all the same, as --commit-anyway asks",
			  err->text);
	say(r, "warning", NULL, text);
	err_clear(err);
	return 0;
}
