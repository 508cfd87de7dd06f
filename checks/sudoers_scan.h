/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CHECKS_SUDOERS_SCAN_H
#define CHECKS_SUDOERS_SCAN_H

/* Between the two files of the scanner of sudoers: lengths of what stands at a place; 0: it does
 * not. */

#include "checks/sudoers.h"

#define BLANK " \t"

bool scan_is_blank(char c);
size_t scan_line_end(const char *p);
size_t scan_continuation(const char *p);
size_t scan_word(const char *p);
size_t scan_id(const char *p);
size_t scan_word_or_id(const char *p);
size_t scan_path(const char *p);
size_t scan_regex(const struct sudoers_scan *scan);
size_t scan_alias(const char *p);
size_t scan_group(const char *p);
size_t scan_network(struct sudoers_scan *scan, bool *is_wrong);
size_t scan_tag(const struct sudoers_scan *scan);
bool scan_is_option(const struct sudoers_scan *scan, size_t len);
size_t scan_include(const struct sudoers_scan *scan, bool *is_dir);
size_t scan_defaults(const struct sudoers_scan *scan, size_t *ret_keep);
size_t scan_alias_keyword(const struct sudoers_scan *scan, enum sudoers_token *ret);

#endif
