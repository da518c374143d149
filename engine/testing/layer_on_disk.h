// A layer of the model, as text and on disk.
//
// Functions; any thread; needs root.  Directories on disk are the caller's.
#ifndef PLYFS_ENGINE_TESTING_LAYER_ON_DISK_H_
#define PLYFS_ENGINE_TESTING_LAYER_ON_DISK_H_

#include <string>

#include "engine/testing/model.h"

namespace plyfs::model {

// All of a layer but what need not be equal (Z2): values of origins, impure marks, uuid, whiteouts' looks.
Tree LayerText(const Ref& root);

// Fills the empty directory `dir`; names of one object become hard links.
Status WriteLayer(const Ref& root, const std::string& dir);
Result<Ref> ReadLayer(const std::string& dir);
// Takes the origin of every directory of `upper` that `model`, what it should be, had from the start: it may
// be written to any of them (L24).
void DropOpenOrigins(const Ref& model, const Ref& upper);
// Empties it.
void ClearDirectory(const std::string& dir);

// "path: expected, seen" of the first difference; empty where the trees are the same.
std::string Difference(const Tree& expected, const Tree& seen);
// Empty where `seen` is one of the two; else how it differs from both.
std::string Neither(const std::string& what, const Tree& before, const Tree& after, const Tree& seen);

}  // namespace plyfs::model

#endif  // PLYFS_ENGINE_TESTING_LAYER_ON_DISK_H_
