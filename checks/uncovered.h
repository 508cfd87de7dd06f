/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rows of the fault catalogue's sections 1 to 8 that no check looks at, and why. */
UNCOVERED(35,
	  "a locked root cannot be read without its key; the refusal to open it says how to go on")
UNCOVERED(96, "bans are for addresses, and which one the operator comes from is not on the volume; "
	      "counters of failed passwords refuse no key")
UNCOVERED(120, "whether the second interface is answered by its own route is decided by rules that "
	       "DHCP hooks and agents make at boot")
UNCOVERED(134, "route tables are on the cloud side: the net command")
