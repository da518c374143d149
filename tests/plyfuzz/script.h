// Script: a failing run as a POSIX shell script that anyone can perform on any overlay.
//
// Pure; any thread.  The script makes the layers, mounts them by what its argument names, takes the steps and
// tells on stdout what came of each: two mounts that agree print the same.  It needs coreutils, util-linux
// and attr; python3 only for calls that no tool makes, and for descriptors that stay open.
#ifndef PLYFS_TESTS_PLYFUZZ_SCRIPT_H_
#define PLYFS_TESTS_PLYFUZZ_SCRIPT_H_

#include <string>
#include <vector>

#include "tests/differential/run.h"

namespace plyfs::fuzz {

// What a shell reads as exactly these bytes: plain where it can be.
std::string Quote(const std::string& bytes);
// The same for Python: b'...'.
std::string PythonBytes(const std::string& bytes);

// A step as one line of the script; empty where it has nothing to do there.
std::string StepLine(const diff::Step& step, bool cross);
// Lines that make an object of a layer, and those that set its times.
std::string EntryLines(const diff::Entry& entry, bool userxattr);
std::string TimesLines(const diff::Entry& entry);

// The comment that a script begins with; `more`: a line of it.
std::string ScriptHead(const std::string& found, const std::string& more = "");

// `plan` has fixed steps.  `found` decides what the script looks at.
std::string FormatScript(const diff::RunPlan& plan, const diff::Difference& found);

// Of what several clients did at once, each in a process of its own: the script says whether a fresh mount,
// and the other side, show what the mount showed at their end.
std::string FormatThreadsScript(const diff::RunPlan& plan,
                                const std::vector<std::vector<diff::Step>>& clients,
                                const diff::Difference& found);

}  // namespace plyfs::fuzz

#endif  // PLYFS_TESTS_PLYFUZZ_SCRIPT_H_
