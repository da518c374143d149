#include "tools/plyctl/stats_table.h"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <sstream>

#include "engine/format/option_text.h"

namespace plyfs::tool {
namespace {

constexpr int kColumn = 28;

void Line(std::ostringstream& out, const std::string& name, const std::string& value) {
  out << name << std::string(name.size() < kColumn ? kColumn - name.size() : 1, ' ') << value << '\n';
}

}  // namespace

std::string StatsTable(const std::string& answer) {
  std::istringstream in(answer.substr(0, answer.find('\0')));
  std::ostringstream out;
  std::map<std::string, double> values;
  std::string name, value;
  while (in >> name >> value) {
    Line(out, Shown(name), Shown(value));
    values[name] = std::strtod(value.c_str(), nullptr);
  }
  if (const double requests = values["requests"]; requests > 0) {
    char each[64];
    std::snprintf(each, sizeof each, "%.2f", values["system_calls"] / requests);
    Line(out, "system_calls_a_request", each);
    std::snprintf(each, sizeof each, "%.4f", values["requests_handed_over"] / requests);
    Line(out, "hand_overs_a_request", each);
  }
  return out.str();
}

}  // namespace plyfs::tool
