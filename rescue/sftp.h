/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_SFTP_H
#define RESCUE_SFTP_H

/* The packets of SFTP version 3 that a block device needs, made and taken apart. Source:
 * draft-ietf-secsh-filexfer-02; OpenSSH's PROTOCOL, section 4 (fsync@openssh.com). What comes is hostile: every
 * length is checked, and nothing is read beyond its packet. */

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

#define SFTP_PACKET_MAX (256u << 10) /* of what comes; OpenSSH's own limit */
#define SFTP_PART	32768u	     /* bytes that every server reads or writes at once */
#define SFTP_HANDLE_MAX 256u

enum sftp_type {
	SFTP_INIT = 1,
	SFTP_VERSION = 2,
	SFTP_OPEN = 3,
	SFTP_READ = 5,
	SFTP_WRITE = 6,
	SFTP_STATUS = 101,
	SFTP_HANDLE = 102,
	SFTP_DATA = 103,
	SFTP_EXTENDED = 200,
};
enum sftp_status { SFTP_OK, SFTP_EOF, SFTP_NO_SUCH_FILE, SFTP_PERMISSION_DENIED };

struct sftp_handle {
	uint32_t len;
	unsigned char bytes[SFTP_HANDLE_MAX];
};

/* Appended to what is to be sent. */
void sftp_put_init(struct str *out);
void sftp_put_open(struct str *out, uint32_t id, const char *path, bool may_write);
void sftp_put_read(struct str *out, uint32_t id, const struct sftp_handle *, uint64_t at,
		   uint32_t len);
void sftp_put_write(struct str *out, uint32_t id, const struct sftp_handle *, uint64_t at,
		    const void *data, uint32_t len);
void sftp_put_fsync(struct str *out, uint32_t id, const struct sftp_handle *);

/* What has come, until it is whole packets. */
struct sftp_in {
	struct str bytes;
	size_t at;
};
struct sftp_packet {
	unsigned char type;
	uint32_t id;		   /* of a VERSION: the version */
	const unsigned char *data; /* what follows the id */
	size_t len;
};
/* 1 and the next packet, good until more is added; 0: it has not come yet; -1: ERR_MALFORMED. */
int sftp_next(struct sftp_in *, struct sftp_packet *ret, struct err *err)
	__attribute__((warn_unused_result));
void sftp_in_done(struct sftp_in *);

bool sftp_has_fsync(const struct sftp_packet *version);
int sftp_take_handle(const struct sftp_packet *, struct sftp_handle *ret, struct err *err)
	__attribute__((warn_unused_result));
/* The bytes of a DATA. */
int sftp_take_data(const struct sftp_packet *, const unsigned char **ret, size_t *ret_len,
		   struct err *err) __attribute__((warn_unused_result));
/* Of a STATUS: its code, and the server's words, escaped, appended. */
int sftp_take_status(const struct sftp_packet *, uint32_t *ret, struct str *words, struct err *err)
	__attribute__((warn_unused_result));

#endif
