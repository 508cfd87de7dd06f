/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_NIC_NAMES_H
#define CHECKS_NIC_NAMES_H

/* What the instance's network cards are called once the volume has booted, as far as that can be
 * known: by the kernel in order (eth0, with net.ifnames=0), by udev after the slot (ens5 on Nitro,
 * ens3 or enX0 on Xen), or by hand (.link files, udev rules, netplan's set-name).
 *
 * Source: systemd.net-naming-scheme(7); systemd.link(5), NamePolicy; EC2 user guide, "Network
 * interfaces" (Nitro: ens5); the Linux Xen frontend under systemd 252 and later (enX0). */

#include "checks/machine.h"

enum nic_naming { NIC_NAMING_UNKNOWN, NIC_NAMING_KERNEL, NIC_NAMING_SLOT };
enum nic_naming nic_naming(const struct machine *);

/* "eth0", "ens5", "enX0", "em1", "p1p1": a network card, no bridge, tunnel or container's end. */
bool nic_name_is_card(const char *name);
/* Certainly no card of this instance is called so. False: it may be. */
bool nic_name_is_impossible(const struct machine *, const char *name);
/* Not the card's name, but one that udev gives it beside its name ("altname ens5" of eth0, also with
 * net.ifnames=0): networkd, netplan and ip take it, dhclient and NetworkManager do not. Source:
 * systemd.link(5), AlternativeNamesPolicy, since systemd 245. */
bool nic_name_may_be_alternative(const struct machine *, const char *name);
/* fnmatch(3) patterns, as networkd and netplan take them. */
bool nic_pattern_is_impossible(const struct machine *, const char *pattern);
/* The name of the only card, when that is known for sure; NULL otherwise. Borrowed. */
const char *nic_name_of_only(const struct machine *);
/* A pattern for the only card: its name, or what takes in all that it may be called. */
const char *nic_pattern_of_only(const struct machine *);

/* How many interfaces the cloud knows; 0: unknown. */
size_t nic_count(const struct machine *);
const struct cloud_interface *nic_by_index(const struct machine *, uint32_t index);
const struct cloud_interface *nic_by_mac(const struct machine *, const char *mac);
/* The interface that a configuration for `name` (or MAC; both may be NULL) is for; NULL: unknown. */
const struct cloud_interface *nic_for(const struct machine *, const char *name, const char *mac);
/* The address is one of the cloud's cards; true also when the cloud knows none. */
bool nic_mac_is_ours(const struct machine *, const char *mac);

#endif
