/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rows of the fault catalogue's sections 1 to 8 that no check looks at, and why. */
UNCOVERED(35, "a locked root cannot be read without its key; the refusal to open it says how to go on")
UNCOVERED(56, "not examined yet")
UNCOVERED(96, "bans are for addresses, and which one the operator comes from is not on the volume; counters of "
	      "failed passwords refuse no key")
UNCOVERED(120, "whether the second interface is answered by its own route is decided by rules that DHCP hooks and agents make at boot")
UNCOVERED(127, "not examined yet")
UNCOVERED(128, "not examined yet")
UNCOVERED(129, "not examined yet")
UNCOVERED(130, "not examined yet")
UNCOVERED(131, "not examined yet")
UNCOVERED(132, "not examined yet")
UNCOVERED(133, "not examined yet")
UNCOVERED(134, "not examined yet")
UNCOVERED(135, "not examined yet")
