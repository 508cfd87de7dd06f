/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef EC2_IMDS_H
#define EC2_IMDS_H

/* The instance metadata service, version 2 only: a session token by PUT, then GETs with it.
 * Source: EC2 User Guide, "Use the Instance Metadata Service". */

#include "ec2/engine.h"

/* text: the item, or NULL. http_status 0: there is no metadata service (or it is switched off);
 * otherwise what it answered. err says it in words. */
typedef void imds_func(void *arg, const char *text, int http_status, const struct err *err);
struct imds_get;
/* path: "/latest/meta-data/instance-id". `done` runs from the loop. */
struct imds_get *imds_get(struct ec2 *ec2, const char *path, imds_func *done, void *arg);
void imds_cancel(struct imds_get *get); /* NULL is fine */

#endif
