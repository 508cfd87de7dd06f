/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks/sudoers_scan.h"

#include <ctype.h>

/* sudo's scanner takes the longest match, and of equally long ones the first in its list; what a
 * byte means depends on the state that the tokens before it have left. What there is to compare is
 * measured in sudoers_measure.c. */

void sudoers_scan_init(struct sudoers_scan *scan, const struct str *text, uint32_t version)
{
	*scan = (struct sudoers_scan){ .p = text->s,
				       .start = text->s,
				       .end = text->s + text->len,
				       .version = version ? version : UINT32_MAX,
				       .line = 1,
				       .at_line_start = true,
				       .text = STR_INIT };
}

void sudoers_scan_done(struct sudoers_scan *scan)
{
	str_done(&scan->text);
	if (scan->has_four)
		regfree(&scan->four);
	if (scan->has_six)
		regfree(&scan->six);
}

/* Moves on by n bytes. */
static void eat(struct sudoers_scan *scan, size_t n)
{
	scan->p += n;
	scan->at_line_start = false;
}

/* The token's text: backslashes taken away. */
static void fill(struct sudoers_scan *scan, const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] == '\\' && i + 1 < len)
			i++;
		str_add_char(&scan->text, p[i]);
	}
}

static enum sudoers_token take(struct sudoers_scan *scan, size_t n, enum sudoers_token token)
{
	fill(scan, scan->p, n);
	eat(scan, n);
	return token;
}

static enum sudoers_token bad(struct sudoers_scan *scan, size_t n, const char *what)
{
	eat(scan, n);
	scan->what = what;
	return SUDOERS_BAD;
}

static enum sudoers_token end_of_line(struct sudoers_scan *scan, size_t n)
{
	if (scan->state == SCAN_STRING) {
		scan->state = SCAN_INITIAL;
		return bad(scan, 0, "unexpected line break in string");
	}
	scan->p += n;
	scan->state = SCAN_INITIAL;
	scan->line++;
	scan->is_continued = false;
	scan->at_line_start = true;
	return SUDOERS_NEWLINE;
}

static enum sudoers_token comment(struct sudoers_scan *scan)
{
	const char *p = scan->p;
	size_t n = 1;

	if (p[1] == '-' ? p[2] && !strchr("\r\n0123456789", p[2])
			: p[1] && !strchr("\r\n0123456789-", p[1]))
		n = strcspn(p, "\n");
	n += scan_line_end(p + n);
	if (p[n - 1] != '\n')
		return bad(scan, n, NULL);
	scan->state = SCAN_INITIAL;
	return end_of_line(scan, n);
}

/* A line's first keyword; SUDOERS_END: there is none. */
static enum sudoers_token line_start(struct sudoers_scan *scan)
{
	size_t keep = 0, len = scan_defaults(scan, &keep), word = scan_word(scan->p);
	enum sudoers_token token = SUDOERS_END;
	char type;

	if (len && len >= word) {
		type = keep > strspn(scan->p, BLANK) + 8 ? scan->p[strspn(scan->p, BLANK) + 8]
							 : '\0';
		token = type == ':'   ? SUDOERS_DEFAULTS_USER
			: type == '>' ? SUDOERS_DEFAULTS_RUNAS
			: type == '@' ? SUDOERS_DEFAULTS_HOST
			: type == '!' ? SUDOERS_DEFAULTS_CMND
				      : SUDOERS_DEFAULTS;
		if (scan->is_continued)
			return bad(scan, len, "invalid line continuation");
		eat(scan, keep);
		scan->state = SCAN_GOTDEFS;
		return token;
	}
	len = scan_alias_keyword(scan, &token);
	if (!len || len < word)
		return SUDOERS_END;
	if (scan->is_continued)
		return bad(scan, len, "invalid line continuation");
	eat(scan, len);
	return token;
}

static enum sudoers_token string_end(struct sudoers_scan *scan)
{
	eat(scan, 1);
	scan->state = scan->before;
	if (!scan->text.len)
		return bad(scan, 0, "empty string");
	if (scan->before != SCAN_INITIAL && scan->before != SCAN_GOTDEFS)
		return SUDOERS_WORD;
	if (scan->text.s[0] == '%')
		return str_eq(scan->text.s, "%") || str_eq(scan->text.s, "%:")
			       ? bad(scan, 0, "empty group")
			       : SUDOERS_GROUP;
	if (scan->text.s[0] == '+')
		return scan->text.s[1] ? SUDOERS_NETGROUP : bad(scan, 0, "empty netgroup");
	return SUDOERS_WORD;
}

/* Inside of quotes. SUDOERS_END: it goes on. */
static enum sudoers_token in_string(struct sudoers_scan *scan)
{
	const char *p = scan->p;
	size_t n = 0;

	if (*p == '"')
		return string_end(scan);
	while (p[n] && (!strchr("\"\r\n\\", p[n]) || (p[n] == '\\' && p[n + 1] == '"')))
		n += p[n] == '\\' ? 2 : 1;
	if (n)
		fill(scan, p, n);
	else if (*p == '\\')
		str_add_char(&scan->text, *p), n = 1;
	else
		return bad(scan, 1, NULL);
	eat(scan, n);
	return SUDOERS_END;
}

/* Behind a command's path: its arguments. */
static enum sudoers_token in_command(struct sudoers_scan *scan)
{
	const char *p = scan->p;
	size_t n = strcspn(p, "#\\:, \t\r\n");

	if (*p == '\\') {
		if (!p[1] || !strchr("*?[]!^:\\,= \t#", p[1]))
			return bad(scan, 1, NULL);
		n = 2;
	} else if (strchr("#:,\r\n", *p) || (*p == '=' && n == 1)) {
		scan->state = SCAN_INITIAL;
		return SUDOERS_COMMAND;
	} else if (*p == '^' && !scan->has_args && scan->version >= 10910) {
		scan->state = SCAN_REGEX;
		return SUDOERS_END;
	}
	if (p[-1] == ' ' || p[-1] == '\t')
		str_add_char(&scan->text, ' ');
	str_add_bytes(&scan->text, p + (n == 2 && *p == '\\'), n - (n == 2 && *p == '\\'));
	scan->has_args = true;
	eat(scan, n);
	return SUDOERS_END;
}

static enum sudoers_token in_regex(struct sudoers_scan *scan)
{
	const char *p = scan->p;
	size_t n = *p == '\\' ? 2 : strcspn(p, "#\\\r\n$");

	if (*p == '#' || *p == '\r' || *p == '\n') {
		scan->state = SCAN_INITIAL;
		return bad(scan, 0, "unterminated regular expression");
	}
	if (*p == '\\' && (!p[1] || p[1] == '\r' || p[1] == '\n'))
		return bad(scan, 1, NULL);
	if (*p == '$')
		n = 1;
	str_add_bytes(&scan->text, p, n);
	eat(scan, n);
	if (*p != '$')
		return SUDOERS_END;
	scan->state = SCAN_INITIAL;
	return SUDOERS_COMMAND;
}

static enum sudoers_token in_defaults(struct sudoers_scan *scan)
{
	const char *p = scan->p;
	size_t n = 0;

	if (*p == '#')
		return comment(scan);
	if (scan->state == SCAN_STARTDEFS) {
		n = strspn(p, "abcdefghijklmnopqrstuvwxyz_");
		if (!n)
			return bad(scan, 1, NULL);
		scan->state = SCAN_INDEFS;
		return take(scan, n, SUDOERS_DEFVAR);
	}
	if (*p == ',') {
		scan->state = SCAN_STARTDEFS;
		eat(scan, 1);
		return SUDOERS_COMMA;
	}
	for (;;) {
		if (p[n] == '\\' && p[n + 1] && p[n + 1] != '\r' && p[n + 1] != '\n')
			n += 2;
		else if (p[n] && !strchr("#=, \t\r\n\\\"", p[n]) && (n || p[n] != '!'))
			n++;
		else
			break;
	}
	if (*p == '=' || (n == 1 && p[1] == '=' && (*p == '+' || *p == '-'))) {
		eat(scan, *p == '=' ? 1 : 2);
		return *p == '=' ? SUDOERS_EQUALS : *p == '+' ? SUDOERS_PLUS : SUDOERS_MINUS;
	}
	if (*p == '"') {
		eat(scan, 1);
		scan->before = SCAN_INDEFS;
		scan->state = SCAN_STRING;
		return SUDOERS_END;
	}
	return n ? take(scan, n, SUDOERS_WORD) : bad(scan, 1, NULL);
}

static enum sudoers_token in_include(struct sudoers_scan *scan)
{
	const char *p = scan->p;
	size_t n = 0;

	if (*p == '"') {
		eat(scan, 1);
		scan->before = SCAN_INITIAL;
		scan->state = SCAN_STRING;
		return SUDOERS_END;
	}
	for (;;) {
		if (n && p[n] == '\\' && scan_is_blank(p[n + 1]))
			n += 2;
		else if (p[n] && !isspace((unsigned char)p[n]))
			n++;
		else
			break;
	}
	if (!n)
		return bad(scan, 1, NULL);
	scan->state = SCAN_INITIAL;
	return take(scan, n, SUDOERS_WORD);
}

/* The hexadecimal or base64 digits of a digest; those of a wrong length are read over. */
static enum sudoers_token digest(struct sudoers_scan *scan, size_t hex, size_t base64)
{
	size_t n = hex >= base64 ? hex : base64, want = scan->digest_len * 2;

	if (hex < base64)
		want = scan->p[n - 1] == '=' ? 4 * ((scan->digest_len + 2) / 3)
					     : (4 * scan->digest_len + 2) / 3;
	scan->state = SCAN_INITIAL;
	if (n == want)
		return take(scan, n, SUDOERS_DIGEST);
	eat(scan, n);
	return SUDOERS_END;
}

struct candidate {
	enum sudoers_token token;
	size_t len;
};

static void offer(struct candidate *best, enum sudoers_token token, size_t len)
{
	if (len > best->len)
		*best = (struct candidate){ token, len };
}

static enum sudoers_token begin_command(struct sudoers_scan *scan, size_t len)
{
	bool is_dir = scan->p[len - 1] == '/' && *scan->p == '/';

	for (size_t i = 0; i < len; i++) {
		i += scan->p[i] == '\\' && i + 1 < len && strchr(",:= \t#", scan->p[i + 1]);
		str_add_char(&scan->text, scan->p[i]);
	}
	eat(scan, len);
	scan->has_args = false;
	if (scan->state == SCAN_GOTDEFS || is_dir)
		return SUDOERS_COMMAND;
	scan->state = SCAN_COMMAND;
	return SUDOERS_END;
}

/* The digits that may be a digest, where one is expected. */
static void digest_lens(const struct sudoers_scan *scan, size_t *hex, size_t *base64)
{
	const char *p = scan->p;

	if (scan->state != SCAN_DIGEST)
		return;
	*hex = strspn(p, "0123456789abcdefABCDEF");
	while (isalnum((unsigned char)p[*base64]) || (p[*base64] && strchr("+/=", p[*base64])))
		(*base64)++;
}

/* The longest match, and of equally long ones the first that is offered, as in sudo's list. */
static struct candidate best_match(struct sudoers_scan *scan, size_t digest, size_t network)
{
	static const char signs[] = "(),=:";
	static const enum sudoers_token sign_tokens[] = { SUDOERS_OPEN, SUDOERS_CLOSE,
							  SUDOERS_COMMA, SUDOERS_EQUALS,
							  SUDOERS_COLON };
	static const char *const shas[] = { "sha224", "sha256", "sha384", "sha512" };
	const char *p = scan->p, *sign = *p ? strchr(signs, *p) : NULL;
	struct candidate best = { SUDOERS_BAD, 0 };

	offer(&best, SUDOERS_DIGEST, digest);
	offer(&best, SUDOERS_TAG, scan_tag(scan));
	offer(&best, SUDOERS_NETGROUP, *p == '+' && scan_word(p + 1) ? 1 + scan_word(p + 1) : 0);
	offer(&best, SUDOERS_GROUP, scan_group(p));
	offer(&best, SUDOERS_NETWORK, network);
	offer(&best, SUDOERS_ALL, strncmp(p, "ALL", 3) ? 0 : 3);
	offer(&best, SUDOERS_ALIAS, scan_alias(p));
	for (size_t i = 0; i < ARRAY_LEN(shas) && scan->version >= 10807; i++)
		offer(&best, SUDOERS_SHA, strncmp(p, shas[i], 6) ? 0 : 6);
	offer(&best, SUDOERS_COMMAND, strncmp(p, "sudoedit", 8) ? 0 : 8);
	if (scan->state == SCAN_PATH) {
		offer(&best, SUDOERS_WORD, scan_path(p));
		offer(&best, SUDOERS_WORD, scan_word(p));
	}
	offer(&best, SUDOERS_COMMAND, scan_path(p));
	offer(&best, SUDOERS_COMMAND, scan_regex(scan));
	if (scan->state == SCAN_INITIAL || scan->state == SCAN_GOTDEFS)
		offer(&best, SUDOERS_WORD, scan_word_or_id(p));
	if (sign)
		offer(&best, sign_tokens[sign - signs], 1);
	return best;
}

/* A bare '%', "%:" or '+', where a name may begin. */
static bool is_nameless(const struct sudoers_scan *scan, size_t len)
{
	const char *p = scan->p;

	if (scan->state != SCAN_INITIAL && scan->state != SCAN_GOTDEFS)
		return false;
	return (*p == '%' || *p == '+') && len == (*p == '%' && p[1] == ':' ? 2u : 1u);
}

/* Words, names, paths and signs, in the states that share them. */
static enum sudoers_token ordinary(struct sudoers_scan *scan)
{
	const char *p = scan->p;
	size_t hex = 0, base64 = 0;
	bool is_wrong;

	digest_lens(scan, &hex, &base64);
	size_t network = scan_network(scan, &is_wrong);
	struct candidate best = best_match(scan, hex > base64 ? hex : base64, network);
	if (!best.len)
		return bad(scan, 1, NULL);
	if (is_nameless(scan, best.len))
		return bad(scan, best.len, *p == '+' ? "empty netgroup" : "empty group");
	if (best.token == SUDOERS_NETWORK && is_wrong)
		return bad(scan, best.len, "invalid IPv6 address");
	if (best.token == SUDOERS_DIGEST)
		return digest(scan, hex, base64);
	if (best.token == SUDOERS_COMMAND)
		return begin_command(scan, best.len);
	if (best.token == SUDOERS_SHA) {
		scan->digest_len = strtoul((char[]){ p[3], p[4], p[5], 0 }, NULL, 10) / 8;
		scan->state = SCAN_DIGEST;
	} else if (best.token == SUDOERS_ALIAS && scan->state == SCAN_INITIAL &&
		   scan_is_option(scan, best.len)) {
		best.token = SUDOERS_OPTION;
		if (*p == 'C') { /* CWD, CHROOT */
			scan->before = scan->state;
			scan->state = SCAN_PATH;
		}
	} else if (best.token == SUDOERS_WORD && scan->state == SCAN_PATH)
		scan->state = scan->before;
	return take(scan, best.len, best.token);
}

/* What all states have: blanks, line ends, "!". SUDOERS_END: nothing was taken; *ret_again when
 * something was read over. */
static enum sudoers_token common(struct sudoers_scan *scan, bool *ret_again)
{
	const char *p = scan->p;
	size_t n = scan_continuation(p);
	bool in_text = scan->state == SCAN_STRING || scan->state == SCAN_REGEX ||
		       scan->state == SCAN_COMMAND || scan->state == SCAN_INCLUDE;

	*ret_again = true;
	if (n) {
		scan->p += n;
		scan->line++;
		scan->is_continued = true;
		scan->at_line_start = true;
		if (scan->state == SCAN_STRING || scan->state == SCAN_REGEX)
			eat(scan, strspn(scan->p, BLANK));
		return SUDOERS_END;
	}
	n = scan_line_end(p);
	if (n && scan->state != SCAN_COMMAND && scan->state != SCAN_REGEX)
		return end_of_line(scan, n);
	n = strspn(p, BLANK);
	if (n && scan->state != SCAN_STRING && scan->state != SCAN_REGEX) {
		if (scan->state == SCAN_GOTDEFS && p[n] == ',') {
			n++;
			eat(scan, n + strspn(p + n, BLANK));
			return SUDOERS_COMMA;
		}
		if (scan->state == SCAN_GOTDEFS)
			scan->state = SCAN_STARTDEFS;
		eat(scan, n);
		return SUDOERS_END;
	}
	n = strspn(p, "!");
	if (n && !in_text) {
		eat(scan, n);
		return n & 1 ? SUDOERS_NOT : SUDOERS_END;
	}
	*ret_again = false;
	return SUDOERS_END;
}

static enum sudoers_token step(struct sudoers_scan *scan)
{
	bool again, is_dir = false;
	enum sudoers_token token;
	size_t n;

	if (scan->state == SCAN_INITIAL && scan->at_line_start) {
		token = line_start(scan);
		if (token != SUDOERS_END)
			return token;
	}
	n = scan_include(scan, &is_dir);
	if (n && scan->is_continued)
		return bad(scan, n, "invalid line continuation");
	if (n) {
		eat(scan, n);
		scan->state = SCAN_INCLUDE;
		return is_dir ? SUDOERS_INCLUDEDIR : SUDOERS_INCLUDE;
	}
	token = common(scan, &again);
	if (token != SUDOERS_END || again)
		return token;
	switch (scan->state) {
	case SCAN_STRING:
		return in_string(scan);
	case SCAN_COMMAND:
		return in_command(scan);
	case SCAN_REGEX:
		return in_regex(scan);
	case SCAN_STARTDEFS:
	case SCAN_INDEFS:
		return in_defaults(scan);
	case SCAN_INCLUDE:
		return in_include(scan);
	default:
		break;
	}
	if (*scan->p == '"' && (scan->state == SCAN_INITIAL || scan->state == SCAN_GOTDEFS)) {
		eat(scan, 1);
		scan->before = scan->state;
		scan->state = SCAN_STRING;
		return SUDOERS_END;
	}
	if (*scan->p == '#' && scan->state == SCAN_INITIAL && !scan_id(scan->p))
		return comment(scan);
	return ordinary(scan);
}

enum sudoers_token sudoers_scan_next(struct sudoers_scan *scan)
{
	enum sudoers_token token = SUDOERS_END;

	str_clear(&scan->text);
	scan->what = NULL;
	while (token == SUDOERS_END && scan->p < scan->end) {
		scan->token_line = scan->line;
		token = step(scan);
	}
	if (token == SUDOERS_END)
		scan->token_line = scan->line;
	return token;
}
