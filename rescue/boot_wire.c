/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rescue/boot.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

void boot_spec_done(struct boot_spec *spec)
{
	vec_foreach (key, &spec->host_keys)
		free(*key);
	vec_done(&spec->host_keys);
}

json_t *boot_spec_to_json(const struct boot_spec *s)
{
	json_t *keys = json_array();
	char mac[18];

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", s->mac[0], s->mac[1], s->mac[2],
		 s->mac[3], s->mac[4], s->mac[5]);
	vec_foreach (key, &s->host_keys)
		json_array_append_new(keys, json_string(*key));
	return json_pack("{s:i, s:i, s:b, s:b, s:I, s:I, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:o}",
			 "arch", (int)s->arch, "bus", (int)s->bus, "is_uefi", s->is_uefi,
			 "may_use_kvm", s->may_use_kvm, "limit_s", (json_int_t)s->limit_s, "disks",
			 (json_int_t)s->disks, "ssh_port", (json_int_t)s->ssh_port, "mac", mac,
			 "address", (json_int_t)s->ip.address, "gateway", (json_int_t)s->ip.gateway,
			 "dns", (json_int_t)s->ip.dns, "net", (json_int_t)s->ip.net, "prefix",
			 (json_int_t)s->ip.prefix, "host_keys", keys);
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

bool boot_mac_parse(const char *text, unsigned char ret[6])
{
	for (size_t i = 0; i < 6; i++, text += 3) {
		int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);

		if (low < 0 || (i < 5 && text[2] != ':'))
			return false;
		ret[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

static int malformed(struct err *err, const char *what)
{
	return err_set(err, ERR_MALFORMED, "the wish for a boot holds no %s that can be", what);
}

static int take_number(const json_t *json, const char *key, uint32_t min, uint32_t max,
		       uint32_t *ret, struct err *err)
{
	const json_t *value = json_object_get(json, key);
	json_int_t n = json_integer_value(value);

	if (!json_is_integer(value) || n < (json_int_t)min || n > (json_int_t)max)
		return malformed(err, key);
	*ret = (uint32_t)n;
	return 0;
}

static int take_keys(const json_t *list, struct boot_spec *ret, struct err *err)
{
	if (!json_is_array(list) || json_array_size(list) > BOOT_KEYS_MAX)
		return malformed(err, "host keys");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *key = json_string_value(json_array_get(list, i));

		if (!key || strlen(key) > BOOT_KEY_MAX)
			return malformed(err, "host keys");
		for (const char *p = key; *p; p++)
			if (!isalnum((unsigned char)*p) && !strchr("+/=", *p))
				return malformed(err, "host keys");
		vec_push(&ret->host_keys, mem_strdup(key));
	}
	return 0;
}

static int take_spec(const json_t *json, struct boot_spec *s, struct err *err)
{
	const char *mac = json_string_value(json_object_get(json, "mac"));
	uint32_t arch, bus;

	if (take_number(json, "arch", 0, BOOT_ARM64, &arch, err) < 0 ||
	    take_number(json, "bus", 0, BOOT_VIRTIO, &bus, err) < 0 ||
	    take_number(json, "limit_s", 1, 604800, &s->limit_s, err) < 0 ||
	    take_number(json, "disks", 1, BOOT_DISKS_MAX, &s->disks, err) < 0 ||
	    take_number(json, "ssh_port", 1, 65535, &s->ssh_port, err) < 0 ||
	    take_number(json, "address", 0, UINT32_MAX, &s->ip.address, err) < 0 ||
	    take_number(json, "gateway", 0, UINT32_MAX, &s->ip.gateway, err) < 0 ||
	    take_number(json, "dns", 0, UINT32_MAX, &s->ip.dns, err) < 0 ||
	    take_number(json, "net", 0, UINT32_MAX, &s->ip.net, err) < 0 ||
	    take_number(json, "prefix", 8, 28, &s->ip.prefix, err) < 0 ||
	    take_keys(json_object_get(json, "host_keys"), s, err) < 0)
		return -1;
	if (!mac || !boot_mac_parse(mac, s->mac) || strlen(mac) != 17)
		return malformed(err, "mac");
	s->arch = (enum boot_arch)arch;
	s->bus = (enum boot_bus)bus;
	s->is_uefi = json_is_true(json_object_get(json, "is_uefi"));
	s->may_use_kvm = json_is_true(json_object_get(json, "may_use_kvm"));
	return 0;
}

int boot_spec_from_json(const json_t *json, struct boot_spec *ret, struct err *err)
{
	*ret = (struct boot_spec){ 0 };
	if (!take_spec(json, ret, err))
		return 0;
	boot_spec_done(ret);
	return -1;
}

json_t *boot_result_to_json(const struct boot_result *r)
{
	return json_pack("{s:i, s:b, s:s}", "outcome", (int)r->outcome, "lacks_root", r->lacks_root,
			 "text", r->text);
}

int boot_result_from_json(const json_t *json, struct boot_result *ret, struct err *err)
{
	const char *text = json_string_value(json_object_get(json, "text"));
	uint32_t outcome;

	if (take_number(json, "outcome", 0, BOOT_BROKE, &outcome, err) < 0)
		return -1;
	if (!text)
		return malformed(err, "text");
	*ret = (struct boot_result){ .outcome = (enum boot_outcome)outcome,
				     .lacks_root =
					     json_is_true(json_object_get(json, "lacks_root")) };
	escape_into(ret->text, sizeof(ret->text), text, strlen(text));
	return 0;
}

union ancillary { /* aligned as a header must be */
	struct cmsghdr head;
	char room[CMSG_SPACE((BOOT_DISKS_MAX + 1) * sizeof(int))];
};

int boot_send(int link, json_t *json, const int *fds, size_t fd_count, struct err *err)
{
	cleanup(free) char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	union ancillary space = { 0 };
	struct iovec bytes = { .iov_base = text, .iov_len = text ? strlen(text) : 0 };
	struct msghdr message = { .msg_iov = &bytes, .msg_iovlen = 1 };
	ssize_t put;

	json_decref(json);
	if (!text || bytes.iov_len > BOOT_MESSAGE_MAX || fd_count > BOOT_DISKS_MAX + 1)
		return err_set(err, ERR_INTERNAL, "a message to or from the rehearser is none");
	if (fd_count) {
		struct cmsghdr *head;

		message.msg_control = space.room;
		message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		head = CMSG_FIRSTHDR(&message);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(head), fds, fd_count * sizeof(int));
	}
	do
		put = sendmsg(link, &message, MSG_NOSIGNAL);
	while (put < 0 && errno == EINTR);
	return put < 0 ? err_errno(err, errno, "the rehearser cannot be spoken to") : 0;
}

static size_t take_fds(struct msghdr *message, int fds[BOOT_DISKS_MAX + 1])
{
	size_t count = 0;

	for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head;
	     head = CMSG_NXTHDR(message, head)) {
		size_t len = head->cmsg_len - CMSG_LEN(0);

		if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; at + sizeof(int) <= len && count <= BOOT_DISKS_MAX;
		     at += sizeof(int))
			memcpy(&fds[count++], CMSG_DATA(head) + at, sizeof(int));
	}
	return count;
}

int boot_receive(int link, json_t **ret, int fds[BOOT_DISKS_MAX + 1], size_t *ret_fd_count,
		 struct err *err)
{
	cleanup(free) char *text = mem_alloc(BOOT_MESSAGE_MAX);
	union ancillary space = { 0 };
	struct iovec bytes = { .iov_base = text, .iov_len = BOOT_MESSAGE_MAX };
	struct msghdr message = { .msg_iov = &bytes,
				  .msg_iovlen = 1,
				  .msg_control = fds ? space.room : NULL,
				  .msg_controllen = fds ? sizeof(space.room) : 0 };
	ssize_t got;

	do
		got = recvmsg(link, &message, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got <= 0)
		return err_set(err, ERR_INTERNAL, "the rehearser is gone");
	if (fds)
		*ret_fd_count = take_fds(&message, fds);
	*ret = json_loadb(text, (size_t)got, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(*ret)) {
		json_decref(*ret);
		*ret = NULL;
		return err_set(err, ERR_MALFORMED, "the rehearser sent what is no message");
	}
	return 0;
}
