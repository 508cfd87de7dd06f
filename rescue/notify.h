/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_NOTIFY_H
#define RESCUE_NOTIFY_H

/* What a service tells systemd, where it was started by it: sd_notify(3), whose protocol is one datagram. */

#include <stdbool.h>

/* "READY=1", "STATUS=...", "WATCHDOG=1", "STOPPING=1". Nobody listens: nothing happens. */
void notify_systemd(const char *state);
/* Does it want to hear "WATCHDOG=1" from this process? */
bool notify_has_watchdog(void);

#endif
