#ifndef MARTINET_CPCRE2_SHIM_H
#define MARTINET_CPCRE2_SHIM_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* The generic names are macros, which Swift does not see. */
typedef pcre2_code_8 cpcre2_code;
typedef pcre2_match_context_8 cpcre2_match_context;
typedef pcre2_match_data_8 cpcre2_match_data;

#endif
