/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_ERR_H
#define BASE_ERR_H

/* One error value for the whole program.
 *
 * A function that can fail returns 0 or -1 and takes `struct err *err` last. The code says what a
 * caller may decide on (retry, ask, give up) and is the exit status; the text is a whole printable
 * sentence without a final newline, and holds no secret that is known (base/secrets.h). err is
 * untouched on success. */

/* X(code, exit status, meaning). The man page's table of exit codes is generated from this list. */
#define ERR_CODES(X)                                                                             \
	X(ERR_USAGE, 2, "the command line is wrong")                                             \
	X(ERR_NOTFOUND, 3, "the named thing does not exist")                                     \
	X(ERR_DENIED, 4, "permission is missing, here or in IAM")                                \
	X(ERR_CREDENTIALS, 5, "no usable AWS credentials or region")                             \
	X(ERR_REFUSED, 6,                                                                        \
	  "refused, to protect something; the message says what and how to consent")             \
	X(ERR_INDOUBT, 7, "a request may or may not have taken effect")                          \
	X(ERR_BUSY, 8, "busy or in the wrong state at the moment; try again")                    \
	X(ERR_THROTTLED, 9, "the account's API limit is exhausted; try again")                   \
	X(ERR_TIMEOUT, 10, "a deadline passed")                                                  \
	X(ERR_NETWORK, 11, "the network or the endpoint failed")                                 \
	X(ERR_MALFORMED, 12, "data that was read is malformed")                                  \
	X(ERR_UNSUPPORTED, 13, "not supported; the message names it")                            \
	X(ERR_DAMAGED, 14, "the volume holds no file system that can be used")                   \
	X(ERR_IO, 15, "reading or writing failed")                                               \
	X(ERR_CONFLICT, 16, "the bytes changed since they were examined; nothing was written")   \
	X(ERR_TOOL, 17, "a needed program or kernel feature is missing")                         \
	X(ERR_AWAY, 18, "something borrowed is not home yet; run `ec2-rescue resume`")           \
	X(ERR_UNVERIFIED, 19, "repaired and returned, but the instance does not answer")         \
	X(ERR_CLOUD, 20, "EC2 refused or failed the request")                                    \
	X(ERR_INTERRUPTED, 21, "interrupted; everything borrowed went home")                     \
	X(ERR_COULD_NOT_TELL, 22, "something could not be examined, so health is not proven")    \
	X(ERR_INTERNAL, 23, "a defect of this program")                                          \
	X(ERR_UNBOOTABLE, 24, "the system does not come up in a rehearsal; nothing was written") \
	X(ERR_CLOSED, 25, "the cloud's network stops the connection; nothing was changed")

enum err_code {
	ERR_NONE = 0,
#define ERR_ENUM(name, status, meaning) name = status,
	ERR_CODES(ERR_ENUM)
#undef ERR_ENUM
};

struct err {
	enum err_code code;
	char text[1024];
};

#define ERR_INIT                 \
	(struct err)             \
	{                        \
		.code = ERR_NONE \
	}

/* Sets code and text where the failure happens; returns -1. A text that is too long is cut, and whatever in it
 * a terminal would obey is escaped (str_add_escaped): what was read may be quoted as it is. */
int err_set(struct err *err, enum err_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Like err_set, with ": " and the text of errno value `errnum` behind. The code is derived from
 * errnum (ENOENT -> ERR_NOTFOUND, EACCES/EPERM -> ERR_DENIED, else ERR_IO). */
int err_errno(struct err *err, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Prefixes the text with "fmt: " and keeps the code; returns -1. For callers that add what they
 * did. */
int err_in(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* That they return -1 is also seen where they are called, by compilers and by what analyzes paths. */
#define err_set(...)   FAILS(err_set(__VA_ARGS__))
#define err_errno(...) FAILS(err_errno(__VA_ARGS__))
#define err_in(...)    FAILS(err_in(__VA_ARGS__))
#define FAILS(call)     \
	({              \
		(call); \
		-1;     \
	})
/* Forgets a failure that was settled. */
void err_clear(struct err *err);
/* "ERR_BUSY" for the code; "ERR_NONE" for 0 and "ERR_?" for an unknown number. Static storage. */
const char *err_name(enum err_code code);
/* The code whose name this is; ERR_INTERNAL when there is none. */
enum err_code err_from_name(const char *name);

#endif
