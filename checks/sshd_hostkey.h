/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_SSHD_HOSTKEY_H
#define CHECKS_SSHD_HOSTKEY_H

/* A new Ed25519 host key in OpenSSH's format (PROTOCOL.key). */

#include "checks/machine.h"
#include "fs/edit.h"

/* Private key at path, public half at path.pub, as edits. The key is derived from the volume's
 * systemd or init random seed (512 bytes that only root can read), so that examining twice yields
 * the same edits; without such a seed nothing is appended. */
void hostkey_edit(const struct machine *, const char *path, struct edits *);
/* The type of the private key in the bytes ("ssh-ed25519"), from its public half or its header;
 * NULL: no private key. Static storage. */
const char *hostkey_type(const struct str *bytes);
/* The two files' texts for a secret of 32 bytes. -1: libcrypto refused. */
int hostkey_write(const uint8_t secret[32], const char *comment, struct str *private_text,
		  struct str *public_text);

#endif
