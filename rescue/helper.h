/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_HELPER_H
#define RESCUE_HELPER_H

/* A helper that is launched, used and gone: what it is made of, and what it is told at its birth.
 *
 * Surgery is done from here on its block device, so nothing of ours runs there and neither its processor nor its
 * distribution matters. It has an account of its own whose key is the run's, a host key that is the run's and is
 * pinned here; both are in its user data, where whoever may describe the instance's attributes can read them as
 * long as it exists. When no run is connected for HELPER_LASTS_MIN minutes, it shuts down, and a shutdown
 * terminates it. */

#include "base/err.h"
#include "base/str.h"

#define HELPER_USER	 "ec2-rescue"
#define HELPER_LASTS_MIN "60"

/* The smallest types that show NVMe devices, in the order in which they are tried while a zone has no capacity of
 * one or does not offer it. NULL at the end. */
extern const char *const helper_types[];
/* Systems Manager's public parameters that name the image: the first is Amazon Linux; the other is taken where the
 * patient was made with the image that the first one names, because equal labels and UUIDs confuse a helper. */
extern const char *const helper_images[2];

/* DIR/login and DIR/host with their public halves, and DIR/known_hosts. What is there stays. ERR_TOOL: ssh-keygen
 * is missing or failed. */
int helper_keys_make(const char *dir, struct err *err) __attribute__((warn_unused_result));
/* cloud-config for the helper with these keys. JSON is YAML. */
int helper_user_data(const char *keys_dir, bool lasts, struct str *into, struct err *err)
	__attribute__((warn_unused_result));

#endif
