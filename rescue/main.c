/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/check.h"

#include <stdio.h>

int main(void)
{
	printf("ec2-rescue %s, %zu checks\n", VERSION, check_count);
	return 0;
}
