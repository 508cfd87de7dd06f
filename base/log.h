/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_LOG_H
#define BASE_LOG_H

/* Debug log by subsystem, on stderr: EC2_RESCUE_DEBUG=ec2,mount or EC2_RESCUE_DEBUG=all. Library
 * folders return errors and say nothing else. Secrets that are known are redacted (base/secrets.h). */

#include <stdbool.h>

bool log_on(const char *subsystem);
void log_debug(const char *subsystem, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
