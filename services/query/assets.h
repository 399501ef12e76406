/*
 * assets - the files of assets/, which are part of the program (deploy/cmake/Embed.cmake).
 */
#ifndef CALLBOARD_QUERY_ASSETS_H
#define CALLBOARD_QUERY_ASSETS_H

#include "slice.h"

extern const struct slice asset_docs_css;
extern const struct slice asset_docs_html;
extern const struct slice asset_error_json;
extern const struct slice asset_example_json;
extern const struct slice asset_openapi_json;

#endif
