/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/fstab.h"

#include <ctype.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static size_t skip_blanks(const char *s, size_t at)
{
	while (is_blank(s[at]))
		at++;
	return at;
}

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* Every \ooo is decoded, also one that makes a NUL (the text then ends there, as in libmount). */
static char *decode(const char *s, size_t len)
{
	char *text = mem_alloc(len + 1);
	size_t n = 0;

	for (size_t i = 0; i < len; n++) {
		if (s[i] == '\\' && len - i > 3 && is_octal(s[i + 1]) && is_octal(s[i + 2]) &&
		    is_octal(s[i + 3])) {
			text[n] = (char)((s[i + 1] - '0') * 64 + (s[i + 2] - '0') * 8 +
					 (s[i + 3] - '0'));
			i += 4;
		} else {
			text[n] = s[i++];
		}
	}
	return text;
}

/* libmount reads a number with strtol from the start of the field and wants a blank or the end
 * behind it. Returns where it stopped. */
static size_t parse_number(const char *line, size_t at, int *ret, bool *is_number)
{
	char *end;
	long value = strtol(line + at, &end, 10);

	*is_number = end != line + at && (is_blank(*end) || !*end);
	if (*is_number)
		*ret = (int)value;
	return (size_t)(end - line);
}

/* The verdict of libmount over the fields from the fifth on. */
static const char *judge_numbers(const char *line, struct fstab_entry *entry)
{
	size_t at = entry->span[FSTAB_OPTS].len
			    ? skip_blanks(line,
					  entry->span[FSTAB_OPTS].at + entry->span[FSTAB_OPTS].len)
			    : 0;
	bool is_number;

	if (!at || !line[at])
		return NULL;
	at = parse_number(line, at, &entry->freq, &is_number);
	if (!is_number)
		return "the fifth field is not a number";
	at = skip_blanks(line, at);
	if (!line[at])
		return NULL;
	(void)parse_number(line, at, &entry->passno, &is_number);
	return is_number ? NULL : "the sixth field is not a number";
}

/* `line` is the line without its end, NUL-terminated. */
static void parse_line(const char *line, struct fstab_entry *entry)
{
	size_t at = skip_blanks(line, 0);
	size_t count = 0;

	for (; count < FSTAB_FIELDS && line[at]; count++) {
		size_t len = strcspn(line + at, " \t");

		entry->span[count] = (struct fstab_span){ (uint32_t)at, (uint32_t)len };
		entry->field[count] = decode(line + at, len);
		at = skip_blanks(line, at + len);
	}
	for (size_t i = count; i < FSTAB_FIELDS; i++)
		entry->field[i] = mem_strdup("");
	if (count < 2)
		entry->rejected = "it has only one field";
	else if (count < 3)
		entry->rejected = "it has only two fields";
	else
		entry->rejected = judge_numbers(line, entry);
}

/* A line without its end, as a string: what is behind a NUL is not seen by anybody. */
static char *line_text(const char *raw, size_t raw_len, bool *has_nul)
{
	size_t len = raw[raw_len - 1] == '\n' ? raw_len - 1 : raw_len;
	size_t seen = strnlen(raw, len);

	*has_nul = seen < len;
	/* libmount takes one CR off a line that ends in a newline or that ends the file. */
	if (seen && raw[seen - 1] == '\r')
		seen--;
	return mem_strndup(raw, seen);
}

void fstab_parse(const struct str *text, struct fstab *ret)
{
	*ret = (struct fstab){ .ends_in_newline = text->len && text->s[text->len - 1] == '\n' };
	for (size_t at = 0; at < text->len;) {
		const char *raw = text->s + at;
		const char *newline = memchr(raw, '\n', text->len - at);
		size_t raw_len = newline ? (size_t)(newline - raw) + 1 : text->len - at;
		bool has_nul;
		cleanup(free) char *line = line_text(raw, raw_len, &has_nul);
		size_t start = skip_blanks(line, 0);

		ret->line_count++;
		ret->has_nul |= has_nul;
		if (raw_len >= 2 && newline && newline[-1] == '\r')
			ret->crlf_count++;
		/* libmount gives up a line with a NUL before its newline, whatever it holds. */
		ret->is_cut = ret->count == FSTAB_ENTRIES_MAX && line[start] && line[start] != '#';
		if (ret->is_cut)
			return;
		if (line[start] && line[start] != '#') {
			struct fstab_entry *entry = vec_add(ret);

			entry->line = ret->line_count;
			entry->raw = raw;
			entry->raw_len = raw_len;
			parse_line(line, entry);
			if (has_nul && newline)
				entry->rejected = "a NUL byte is in it";
		}
		at += raw_len;
	}
}

void fstab_done(struct fstab *fstab)
{
	vec_foreach (entry, fstab)
		for (size_t i = 0; i < FSTAB_FIELDS; i++)
			free(entry->field[i]);
	vec_done(fstab);
}

bool fstab_option_next(const char **at, struct fstab_option *ret)
{
	const char *p = *at + strspn(*at, ",");
	const char *start = p;
	bool is_quoted = false;

	*ret = (struct fstab_option){ .name = start };
	for (; *p && (is_quoted || *p != ',' || (p > start && p[-1] == '\\')); p++) {
		if (*p == '"')
			is_quoted = !is_quoted;
		else if (*p == '=' && !is_quoted && !ret->value && p > start) {
			ret->name_len = (size_t)(p - start);
			ret->value = p + 1;
		}
	}
	if (ret->value)
		ret->value_len = (size_t)(p - ret->value);
	else
		ret->name_len = (size_t)(p - start);
	*at = p;
	return p > start;
}

bool fstab_option_find(const char *opts, const char *name, struct fstab_option *ret)
{
	struct fstab_option option;
	bool found = false;

	while (fstab_option_next(&opts, &option)) {
		if (!fstab_option_is(&option, name))
			continue;
		found = true;
		if (ret)
			*ret = option;
	}
	return found;
}

bool fstab_option_yes_no(const char *opts, const char *yes, const char *no)
{
	struct fstab_option option;
	bool is = false;

	while (fstab_option_next(&opts, &option)) {
		if (fstab_option_is(&option, yes))
			is = true;
		else if (fstab_option_is(&option, no))
			is = false;
	}
	return is;
}

void fstab_add_encoded(struct str *into, const char *text)
{
	for (; *text; text++) {
		if (strchr(" \t\n\r\\", *text) || (*text == '#' && !into->len))
			str_addf(into, "\\%03o", (unsigned char)*text);
		else
			str_add_char(into, *text);
	}
}

/* Where a field would stand that is not there: behind the last one that is. */
static size_t end_of_fields(const struct fstab_entry *entry)
{
	size_t end = 0;

	for (size_t i = 0; i < FSTAB_FIELDS && entry->span[i].len; i++)
		end = entry->span[i].at + entry->span[i].len;
	return end;
}

static void replace_bytes(const struct fstab_entry *entry, size_t at, size_t len, const char *text,
			  struct str *into)
{
	str_add_bytes(into, entry->raw, at);
	str_add(into, text);
	str_add_bytes(into, entry->raw + at + len, entry->raw_len - at - len);
}

/* Defaults for the fields that have to be there before a later one can be. */
static const char *const field_default[FSTAB_FIELDS] = { "none",     "none", "auto",
							 "defaults", "0",    "0" };

static void set_encoded(const struct fstab_entry *entry, enum fstab_field field, const char *text,
			struct str *into)
{
	cleanup(str_done) struct str added = STR_INIT;

	if (entry->span[field].len) {
		replace_bytes(entry, entry->span[field].at, entry->span[field].len, text, into);
		return;
	}
	for (size_t i = 0; i < field; i++)
		if (!entry->span[i].len)
			str_addf(&added, " %s", field_default[i]);
	str_addf(&added, " %s", text);
	replace_bytes(entry, end_of_fields(entry), 0, added.s, into);
}

void fstab_line_set(const struct fstab_entry *entry, enum fstab_field field, const char *text,
		    struct str *into)
{
	cleanup(str_done) struct str encoded = STR_INIT;

	fstab_add_encoded(&encoded, text);
	set_encoded(entry, field, encoded.s, into);
}

/* Inside a quote that is never closed, and behind a backslash, a comma splits nothing. */
static bool ends_open(const char *options)
{
	bool is_quoted = false;
	size_t len = strlen(options);

	for (const char *p = options; *p; p++)
		is_quoted ^= *p == '"';
	return is_quoted || (len && options[len - 1] == '\\');
}

void fstab_line_add_options(const struct fstab_entry *entry, const char *options, struct str *into)
{
	const struct fstab_span *span = &entry->span[FSTAB_OPTS];
	cleanup(str_done) struct str text = STR_INIT;

	if (ends_open(entry->field[FSTAB_OPTS])) {
		str_addf(&text, "%s,%.*s", options, (int)span->len, entry->raw + span->at);
	} else {
		str_add_bytes(&text, entry->raw + span->at, span->len);
		if (text.len && text.s[text.len - 1] != ',')
			str_add_char(&text, ',');
		str_add(&text, options);
	}
	set_encoded(entry, FSTAB_OPTS, text.s, into);
}

void fstab_line_drop_options(const struct fstab_entry *entry, fstab_drop drop, void *arg,
			     struct str *into)
{
	const struct fstab_span *span = &entry->span[FSTAB_OPTS];
	cleanup(free) char *opts = mem_strndup(entry->raw + span->at, span->len);
	cleanup(str_done) struct str kept = STR_INIT;
	const char *at = opts, *from = opts;
	struct fstab_option option;
	bool is_dropped = false;

	/* What stands between two options (one comma, or several) goes with the dropped one. */
	for (; fstab_option_next(&at, &option); from = at) {
		is_dropped = drop(&option, arg);
		if (!is_dropped) {
			if (!kept.len)
				from = option.name;
			str_add_bytes(&kept, from, (size_t)(at - from));
		}
	}
	if (!kept.len)
		str_add(&kept, "defaults");
	else if (!is_dropped)
		str_add(&kept, from);
	set_encoded(entry, FSTAB_OPTS, kept.s, into);
}

void fstab_line_comment_out(const struct fstab_entry *entry, const char *reason, struct str *into)
{
	bool is_crlf = entry->raw_len >= 2 && entry->raw[entry->raw_len - 2] == '\r';

	str_addf(into, FSTAB_MARK "%s%s# ", reason, is_crlf ? "\r\n" : "\n");
	str_add_bytes(into, entry->raw, entry->raw_len);
}
