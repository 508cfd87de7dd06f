/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sudoers_scan.h"

#include <ctype.h>

/* How long each kind of token is at the place where the scanner stands; 0: there is none. */

bool scan_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Length of a line end at the place: 1, 2, or 0. */
size_t scan_line_end(const char *p)
{
	return *p == '\n' ? 1 : *p == '\r' && p[1] == '\n' ? 2 : 0;
}

size_t scan_continuation(const char *p)
{
	size_t n = 1;

	if (*p != '\\')
		return 0;
	n += strspn(p + n, BLANK);
	return scan_line_end(p + n) ? n + scan_line_end(p + n) : 0;
}

size_t scan_word(const char *p)
{
	size_t n = 0;

	for (;;) {
		if (p[n] == '\\' && p[n + 1] && p[n + 1] != '\t' && p[n + 1] != '\n')
			n += 2;
		else if (p[n] && !strchr("#>!=:,() \t\r\n\\\"", p[n]))
			n++;
		else
			return n;
	}
}

size_t scan_id(const char *p)
{
	size_t n = 1, digits;

	if (*p != '#')
		return 0;
	n += p[1] == '-';
	digits = strspn(p + n, "0123456789");
	return digits ? n + digits : 0;
}

size_t scan_word_or_id(const char *p)
{
	size_t id = scan_id(p);

	return id ? id : scan_word(p);
}

size_t scan_path(const char *p)
{
	size_t n = 1;

	if (*p != '/')
		return 0;
	for (;;) {
		if (p[n] == '\\' && p[n + 1] && strchr(",:= \t#", p[n + 1]))
			n += 2;
		else if (p[n] && !strchr(",:=\\ \t\r\n#", p[n]))
			n++;
		else
			return n > 1 ? n : 0;
	}
}

size_t scan_regex(const struct sudoers_scan *scan)
{
	const char *p = scan->p;
	size_t n = 1;

	if (*p != '^' || scan->version < 10910)
		return 0;
	for (;;) {
		if (p[n] == '$')
			return n + 1;
		if (p[n] == '\\' && (p[n + 1] == '#' || p[n + 1] == '$'))
			n += 2;
		else if (p[n] && !strchr("#\r\n", p[n]))
			n++;
		else
			return 0;
	}
}

size_t scan_alias(const char *p)
{
	size_t n = 1;

	if (!isupper((unsigned char)*p))
		return 0;
	while (isupper((unsigned char)p[n]) || isdigit((unsigned char)p[n]) || p[n] == '_')
		n++;
	return n;
}

size_t scan_group(const char *p)
{
	size_t n = 1, rest;

	if (*p != '%')
		return 0;
	rest = scan_word_or_id(p + n);
	if (!rest && p[1] == ':')
		rest = scan_word_or_id(p + ++n);
	return rest ? n + rest : 0;
}

/* Addresses: what may belong to one is cut out, so that the expressions see few bytes. */
#define OCTET "((1?[0-9]{1,2})|(2[0-4][0-9])|(25[0-5]))"
#define IPV4  "(" OCTET "(\\." OCTET "){3})"
#define HEX   "([0-9A-Fa-f]{1,4})"
#define IPV6  "((" HEX "?:){2,7}" HEX "?|(" HEX "?:){2,6}:" IPV4 ")"

static const char ipv4[] = "^" IPV4 "(/(" IPV4 "|[12]?[0-9]|3[0-2]))?";
static const char ipv6[] = "^" IPV6 "(/(" IPV6 "|[0-9]|[1-9][0-9]|1[01][0-9]|12[0-8]))?";

static size_t longest(regex_t *regex, bool *is_made, const char *pattern, const char *text)
{
	regmatch_t match[1];

	if (!*is_made && regcomp(regex, pattern, REG_EXTENDED))
		return 0;
	*is_made = true;
	return regexec(regex, text, 1, match, 0) ? 0 : (size_t)match[0].rm_eo;
}

size_t scan_network(struct sudoers_scan *scan, bool *is_wrong)
{
	const char *p = scan->p;
	size_t span = strspn(p, "0123456789ABCDEFabcdef:./"), len = 0, six = 0;
	char text[128];

	*is_wrong = false;
	if (span < 2 || (!memchr(p, '.', span) && !memchr(p, ':', span)))
		return 0;
	span = span < sizeof(text) ? span : sizeof(text) - 1;
	memcpy(text, p, span);
	text[span] = '\0';
	if (memchr(p, '.', span))
		len = longest(&scan->four, &scan->has_four, ipv4, text);
	if (memchr(p, ':', span))
		six = longest(&scan->six, &scan->has_six, ipv6, text);
	if (six > len) {
		text[six] = '\0';
		for (char *q = text, *seen = NULL; *q; q++) {
			if (*q == '/')
				seen = NULL;
			if (q[0] != ':' || q[1] != ':')
				continue;
			*is_wrong |= seen != NULL;
			seen = q;
		}
		len = six;
	}
	return len;
}

static const struct {
	const char *name;
	uint32_t since;
} tags[] = { { "NOPASSWD", 0 },	      { "PASSWD", 0 },
	     { "NOEXEC", 0 },	      { "EXEC", 0 },
	     { "INTERCEPT", 10908 },  { "NOINTERCEPT", 10908 },
	     { "SETENV", 0 },	      { "NOSETENV", 0 },
	     { "LOG_OUTPUT", 10704 }, { "NOLOG_OUTPUT", 10704 },
	     { "LOG_INPUT", 10704 },  { "NOLOG_INPUT", 10704 },
	     { "MAIL", 10813 },	      { "NOMAIL", 10813 },
	     { "FOLLOW", 10815 },     { "NOFOLLOW", 10815 } };

size_t scan_tag(const struct sudoers_scan *scan)
{
	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		size_t n = strlen(tags[i].name);
		if (scan->version < tags[i].since || strncmp(scan->p, tags[i].name, n))
			continue;
		n += strspn(scan->p + n, BLANK);
		if (scan->p[n] == ':')
			return n + 1;
	}
	return 0;
}

bool scan_is_option(const struct sudoers_scan *scan, size_t len)
{
	static const struct {
		const char *name;
		uint32_t since;
	} options[] = { { "TIMEOUT", 10820 }, { "NOTBEFORE", 10820 }, { "NOTAFTER", 10820 },
			{ "CWD", 10903 },     { "CHROOT", 10903 },    { "ROLE", 0 },
			{ "TYPE", 0 } };

	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (scan->version >= options[i].since && strlen(options[i].name) == len &&
		    !strncmp(scan->p, options[i].name, len))
			return true;
	return false;
}

/* The word that begins an include, its '#' or '@' counted. */
size_t scan_include(const struct sudoers_scan *scan, bool *is_dir)
{
	const char *p = scan->p;
	size_t n;

	if (scan->state != SCAN_INITIAL)
		return 0;
	if (*p == '#' ? !scan->at_line_start : *p != '@' || scan->version < 10901)
		return 0;
	if (strncmp(p + 1, "include", 7))
		return 0;
	*is_dir = !strncmp(p + 8, "dir", 3);
	n = *is_dir ? 11 : 8;
	if (*p == '#')
		return scan_is_blank(p[n]) ? n : 0;
	return scan_word(p) == n ? n : 0;
}

/* Keywords that begin a line, blanks before them included. */
size_t scan_defaults(const struct sudoers_scan *scan, size_t *ret_keep)
{
	const char *p = scan->p;
	size_t n = strspn(p, BLANK), tail;

	if (strncmp(p + n, "Defaults", 8))
		return 0;
	n += 8;
	*ret_keep = n;
	if (!p[n] || !strchr(":@>!", p[n]))
		return n;
	tail = n + 1;
	tail += strspn(p + tail, BLANK);
	size_t keep = tail;
	tail += strspn(p + tail, "!");
	tail += p[tail] == '"';
	size_t word = scan_word_or_id(p + tail);
	/* The word may be the '!' signs' own continuation; without one it is plain "Defaults". */
	if (!word)
		return n;
	*ret_keep = keep;
	return tail + word;
}

size_t scan_alias_keyword(const struct sudoers_scan *scan, enum sudoers_token *ret)
{
	static const struct {
		const char *name;
		enum sudoers_token token;
		uint32_t since;
	} names[] = { { "Host_Alias", SUDOERS_HOST_ALIAS, 0 },
		      { "Cmnd_Alias", SUDOERS_CMND_ALIAS, 0 },
		      { "Cmd_Alias", SUDOERS_CMND_ALIAS, 10900 },
		      { "User_Alias", SUDOERS_USER_ALIAS, 0 },
		      { "Runas_Alias", SUDOERS_RUNAS_ALIAS, 0 } };
	size_t blanks = strspn(scan->p, BLANK);

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (scan->version < names[i].since ||
		    strncmp(scan->p + blanks, names[i].name, strlen(names[i].name)))
			continue;
		*ret = names[i].token;
		return blanks + strlen(names[i].name);
	}
	return 0;
}
