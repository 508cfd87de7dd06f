/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RESCUE_OWN_ROUTE_H
#define RESCUE_OWN_ROUTE_H

#include "base/ipaddr.h"

/* This machine's address towards an IPv4 host, by its own routes, without a packet; "" when there is no way. */
void own_route_towards(const char *host, char ret[IP_TEXT_MAX]);

#endif
