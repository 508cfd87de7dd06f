/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_VERIFY_H
#define RESCUE_VERIFY_H

/* After the start: does the instance live? Status checks as EC2 sees them (optional: a server may
 * not have them) and, from here, a TCP connection to the sshd port that ends in an SSH banner. */

#include "base/err.h"

#include <stdbool.h>

struct rescue;
struct verify;

void verify_start(struct rescue *);
/* True when the phase has changed. */
bool verify_advance(struct rescue *);
void verify_free(struct verify *);

#endif
