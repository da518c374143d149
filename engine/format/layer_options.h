// The options that name layers: lowerdir=, lowerdir+=, datadir+=, upperdir=, workdir= (semantics M1-M6,
// drop-in contract 1.2, 1.4).  Only for the table of options; pure.
#ifndef PLYFS_ENGINE_FORMAT_LAYER_OPTIONS_H_
#define PLYFS_ENGINE_FORMAT_LAYER_OPTIONS_H_

#include <string_view>

#include "engine/format/option_table.h"

namespace plyfs {

bool SetLowers(OptionDraft& draft, std::string_view value);
bool AddLower(OptionDraft& draft, std::string_view value);
bool AddData(OptionDraft& draft, std::string_view value);
bool SetUpper(OptionDraft& draft, std::string_view value);
bool SetWork(OptionDraft& draft, std::string_view value);

}  // namespace plyfs

#endif  // PLYFS_ENGINE_FORMAT_LAYER_OPTIONS_H_
