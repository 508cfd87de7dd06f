/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reader of small XML files against expat, which firewalld reads with: over zone files, bent byte
 * by byte, both must find the same ones well-formed. MUTATIONS and SEED change the rest. */
#include "base/proc.h"
#include "checks/xml_small.h"

#include <stdio.h>

static uint32_t seed = 20250107;

static uint32_t pick(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

static const char *const texts[] = {
	"<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<zone target=\"DROP\">\n"
	"  <short>Public &amp; &#62;</short>\n  <!-- a comment -->\n  <service name=\"ssh\"/>\n"
	"  <port port='22' protocol='tcp'/>\n  <rule family=\"ipv4\"><source "
	"address=\"10.0.0.0/8\"/>"
	"<accept></accept></rule>\n</zone>\n",
	"<zone>\n<forward-port port=\"22\" protocol=\"tcp\" to-port=\"2222\" />\n<forward/></zone>",
	"<service>\n<short>SSH</short><description>x <![CDATA[ < & ]]> y</description>\n"
	"<port protocol=\"tcp\" port=\"22\"/>\n</service>\n",
};

static void bend(const char *text, struct str *into)
{
	static const char bytes[] = "<>/\"'=&;!-? \nax1";
	size_t len = strlen(text);

	str_add(into, text);
	for (unsigned n = 1 + pick(2); n > 0; n--) {
		size_t at = pick((uint32_t)len);

		switch (pick(3)) {
		case 0:
			into->s[at] = bytes[pick(sizeof(bytes) - 1)];
			break;
		case 1: /* a byte less */
			memmove(into->s + at, into->s + at + 1, into->len - at);
			into->len--;
			len = into->len;
			break;
		default: /* cut short, rarely */
			if (!pick(6)) {
				into->s[at] = '\0';
				into->len = len = at;
			}
			if (!len)
				return;
		}
	}
}

int main(void)
{
	static const char script[] =
		"import sys, xml.parsers.expat as e\n"
		"for doc in sys.stdin.buffer.read().split(b'\\x01')[:-1]:\n"
		"    try:\n"
		"        e.ParserCreate().Parse(doc, True); print('+', end='')\n"
		"    except e.ExpatError:\n"
		"        print('-', end='')\n"
		"    except LookupError:\n" /* an encoding that there is not */
		"        print('?', end='')\n";
	const char *argv[] = { "python3", "-c", script, NULL };
	const char *count_text = getenv("MUTATIONS"), *seed_text = getenv("SEED");
	unsigned count = count_text ? (unsigned)strtoul(count_text, NULL, 10) : 3000;
	cleanup(proc_result_done) struct proc_result result = PROC_RESULT_INIT;
	cleanup(str_done) struct str all = STR_INIT, ours = STR_INIT;
	struct err err = ERR_INIT;
	unsigned wrong = 0, broken = 0, odd = 0;
	const char *at;

	if (seed_text)
		seed = (uint32_t)strtoul(seed_text, NULL, 10);
	for (unsigned i = 0; i < count; i++) {
		cleanup(str_done) struct str text = STR_INIT;
		cleanup(xml_done) struct xml xml = { 0 };

		bend(texts[pick(ARRAY_LEN(texts))], &text);
		xml_read(&text, &xml);
		str_add_char(&ours, xml.is_odd ? '?' : xml.problem ? '-' : '+');
		broken += xml.problem != NULL;
		odd += xml.is_odd;
		str_add_bytes(&all, text.s, text.len);
		str_add_char(&all, '\1');
	}
	{
		const struct proc_run run = {
			.argv = argv, .input = all.s, .input_len = all.len, .deadline_s = 60
		};

		if (!proc_have("python3") || proc_run(&run, &result, &err) < 0 || result.status ||
		    result.out.len != count) {
			printf("1..1\nok 1 - small XML files # SKIP no python3 with expat\n");
			return 0;
		}
	}
	at = all.s;
	for (unsigned i = 0; i < count; i++) {
		size_t len = (size_t)(strchr(at, '\1') - at);

		if (ours.s[i] != '?' && result.out.s[i] != '?' && ours.s[i] != result.out.s[i]) {
			wrong++;
			printf("# ours %c, expat %c:\n", ours.s[i], result.out.s[i]);
			for (const char *line = at; line < at + len;) {
				size_t n = strcspn(line, "\n\1");

				printf("#   %.*s\n", (int)n, line);
				line += n + 1;
			}
		}
		at += len + 1;
	}
	printf("%sok 1 - %u bent files: %u broken, %u not judged, %u judged otherwise than by "
	       "expat\n",
	       wrong ? "not " : "", count, broken, odd, wrong);
	printf("1..1\n");
	return wrong ? 1 : 0;
}
