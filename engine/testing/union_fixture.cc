#include "engine/testing/union_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "engine/io/privilege_for_test.h"
#include "engine/io/sys_creds.h"
#include "engine/layer/index_file.h"
#include "engine/layer/index_writer.h"

namespace plyfs {
namespace {

namespace fs = std::filesystem;

std::string TextOf(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

std::string RecordOf(const std::string& path, const std::string& record) {
  char value[4096];
  ssize_t n = ::lgetxattr(path.c_str(), ("trusted.overlay." + record).c_str(), value, sizeof value);
  return n < 0 ? "(none)" : std::string(value, static_cast<size_t>(n));
}

std::string Octal(uint32_t mode) {
  char text[16];
  std::snprintf(text, sizeof text, "%o", mode);
  return text;
}

bool IsWhiteout(const struct stat& st) {
  return S_ISCHR(st.st_mode) && st.st_rdev == 0;
}

std::string Describe(const std::string& path) {
  struct stat st;
  if (::lstat(path.c_str(), &st) != 0) return "gone";
  std::string text;
  if (IsWhiteout(st)) {
    text = "whiteout";
  } else if (S_ISDIR(st.st_mode)) {
    text = "dir";
  } else if (S_ISLNK(st.st_mode)) {
    text = "symlink " + fs::read_symlink(path).native();
  } else if (S_ISFIFO(st.st_mode)) {
    text = "fifo";
  } else if (S_ISREG(st.st_mode)) {
    text = "file " + TextOf(path);
  } else {
    text = "mode " + Octal(st.st_mode);
  }
  if (RecordOf(path, "opaque") == "y") text += " opaque";
  if (RecordOf(path, "origin") != "(none)") text += " origin";
  if (std::string to = RecordOf(path, "redirect"); to != "(none)") text += " redirect=" + to;
  return text;
}

// Where the indices of a test's layers are, if this run has any: in memory, since each is synced.
std::string IndicesOfThisRun(const fs::path& root) {
  return "/dev/shm/" + root.filename().native() + "_indices";
}

}  // namespace

void UnionFixture::SetUp() {
  if (!FullyPrivileged()) GTEST_SKIP() << "needs root";
  std::string dir = base_ + "/plyfs_union_XXXXXX";
  ASSERT_NE(::mkdtemp(dir.data()), nullptr);
  root_ = dir;
  StartOver();
}

void UnionFixture::StartOver() {
  fs_.reset();
  sys::SettleFsIds();  // after an operation of somebody else's this thread would go on making files in his
                       // name
  for (const char* d : {"a", "b", "u", "w"}) {
    fs::remove_all(root_ / d);
    Dir(d);
  }
}

void UnionFixture::TearDown() {
  fs_.reset();
  std::error_code ignored;
  if (root_.empty()) return;
  fs::remove_all(root_, ignored);
  fs::remove_all(IndicesOfThisRun(root_), ignored);
}

// Modes are set by chmod: the umask of a thread that has run operations is whatever those needed last.
void UnionFixture::Put(const std::string& path, const std::string& text) {
  Dir(fs::path(path).parent_path());
  std::ofstream(root_ / path, std::ios::binary) << text;
  ASSERT_EQ(::chmod(At(path).c_str(), 0644), 0);
}

void UnionFixture::Dir(const std::string& path) {
  fs::path at = root_;
  for (const auto& part : fs::path(path)) {
    at /= part;
    if (!fs::create_directory(at)) continue;
    ASSERT_EQ(::chmod(at.c_str(), 0755), 0);
  }
}

void UnionFixture::Whiteout(const std::string& path) {
  Dir(fs::path(path).parent_path());
  ASSERT_EQ(::mknod(At(path).c_str(), S_IFCHR, 0), 0);
}

std::string UnionFixture::Get(const std::string& path) const {
  return TextOf(At(path));
}

bool UnionFixture::Exists(const std::string& path) const {
  struct stat st;
  return ::lstat(At(path).c_str(), &st) == 0;
}

void UnionFixture::SetRecord(const std::string& path, const std::string& record, const std::string& value) {
  ASSERT_EQ(
      ::lsetxattr(At(path).c_str(), ("trusted.overlay." + record).c_str(), value.data(), value.size(), 0), 0);
}

std::string UnionFixture::Record(const std::string& path, const std::string& record) const {
  return RecordOf(At(path), record);
}

TreeText UnionFixture::Layer(const std::string& path) const {
  TreeText tree;
  for (const auto& entry : fs::recursive_directory_iterator(root_ / path)) {
    tree[fs::relative(entry.path(), root_ / path)] = Describe(entry.path());
  }
  return tree;
}

std::vector<std::string> UnionFixture::Leftovers() const {
  std::vector<std::string> left;
  for (const auto& entry : fs::directory_iterator(root_ / "w/work")) {
    struct stat st;
    if (::lstat(entry.path().c_str(), &st) == 0 && !IsWhiteout(st)) left.push_back(entry.path().filename());
  }
  return left;
}

int UnionFixture::WorkDepth() const {
  int deepest = 0;
  for (auto it = fs::recursive_directory_iterator(root_ / "w/work"); it != fs::recursive_directory_iterator();
       ++it) {
    deepest = std::max(deepest, it.depth() + 1);
  }
  return deepest;
}

namespace {

// The tests run once more with names looked up in listings from the start, without that, and with hardly any
// memory for them (engine/union_fs/CMakeLists.txt).
void UseIndexOfThisRun(StackConfig* config) {
  const char* text = ::getenv("PLYFS_TEST_MERGE_INDEX");
  std::string_view mode = text ? text : "";
  if (mode == "on" || mode == "tiny") config->merge_index = MergeIndex::kOn;
  if (mode == "off") config->merge_index = MergeIndex::kOff;
  if (mode == "tiny") config->memory_bytes = 2000;
}

// Likewise with the lowers' contents taken from indices.
void UseLayerIndices(const std::string& folder, StackConfig* config) {
  if (config->reads_other_whiteouts()) return;  // never together (tools/plyfs/other_whiteouts.h)
  fs::create_directory(folder);
  ASSERT_EQ(::chmod(folder.c_str(), 0755), 0);  // the engine runs without a umask
  std::string why;
  Result<UniqueFd> fd = OpenIndexFolder(folder, &why);
  ASSERT_TRUE(fd.ok()) << why;
  for (const std::string& lower : config->lowerdirs) {
    ASSERT_TRUE(WriteLayerIndex(lower, fd->get(), [](const IndexProgress&) {}, &why).ok()) << why;
  }
  config->index_dir = folder;
}

}  // namespace

void UnionFixture::Mount(const Config& configure) {
  fs_.reset();
  sys::SettleFsIds();
  StackConfig config;
  config.lowerdirs = {At("a"), At("b")};
  config.upperdir = At("u");
  config.workdir = At("w");
  config.lower = LowerMode::kFrozen;
  UseIndexOfThisRun(&config);
  if (configure) configure(&config);
  if (TakenFromIndices()) UseLayerIndices(IndicesOfThisRun(root_), &config);
  std::string line;
  auto opened = UnionFs::Open(config, &line);
  ASSERT_TRUE(opened.ok()) << line;
  fs_ = *std::move(opened);
}

NodeId UnionFixture::Walk(const std::string& path) {
  NodeId at = kRootNode;
  for (const auto& part : fs::path(path)) {
    Result<Entry> entry = fs_->Lookup(me_, at, Name::Trusted(part.native()));
    if (!entry.ok() || entry->node == 0) return 0;
    at = entry->node;
  }
  return at;
}

std::pair<NodeId, Name> UnionFixture::Split(const std::string& path) {
  size_t slash = path.rfind('/');
  if (slash == path.npos) return {kRootNode, Name::Trusted(path)};
  return {Walk(path.substr(0, slash)), Name::Trusted(std::string_view(path).substr(slash + 1))};
}

int UnionFixture::Create(const std::string& path, const std::string& text, uint32_t mode) {
  auto [dir, name] = Split(path);
  Result<Created> made = fs_->Create(me_, dir, name, mode, O_RDWR | O_CREAT | O_EXCL);
  if (!made.ok()) return made.error();
  NodeId node = made->entry.node;
  Result<size_t> n = fs_->Write(me_, node, made->opened.handle, 0, text, {});
  fs_->Release(node, made->opened.handle);
  return n.error();
}

int UnionFixture::MakeDir(const std::string& path, uint32_t mode) {
  auto [dir, name] = Split(path);
  return fs_->MakeDir(me_, dir, name, mode).error();
}

int UnionFixture::MakeNode(const std::string& path, uint32_t mode, uint64_t rdev) {
  auto [dir, name] = Split(path);
  return fs_->MakeNode(me_, dir, name, mode, rdev).error();
}

int UnionFixture::Symlink(const std::string& path, const std::string& target) {
  auto [dir, name] = Split(path);
  return fs_->Symlink(me_, dir, name, target).error();
}

int UnionFixture::Link(const std::string& from, const std::string& to) {
  NodeId node = Walk(from);
  auto [dir, name] = Split(to);
  return fs_->Link(me_, node, dir, name).error();
}

int UnionFixture::Unlink(const std::string& path) {
  auto [dir, name] = Split(path);
  return fs_->Unlink(me_, dir, name).error();
}

int UnionFixture::RemoveDir(const std::string& path) {
  auto [dir, name] = Split(path);
  return fs_->RemoveDir(me_, dir, name).error();
}

int UnionFixture::Rename(const std::string& from, const std::string& to, uint32_t flags) {
  auto [from_dir, from_name] = Split(from);
  auto [to_dir, to_name] = Split(to);
  return fs_->Rename(me_, from_dir, from_name, to_dir, to_name, flags).error();
}

int UnionFixture::Write(const std::string& path, const std::string& text, uint64_t offset) {
  NodeId node = Walk(path);
  Result<Opened> file = fs_->Open(me_, node, O_WRONLY, false);
  if (!file.ok()) return file.error();
  Result<size_t> n = fs_->Write(me_, node, file->handle, offset, text, {});
  fs_->Release(node, file->handle);
  return n.error();
}

int UnionFixture::Chmod(const std::string& path, uint32_t mode) {
  SetAttrArgs args;
  args.mode = mode;
  return fs_->SetAttr(me_, Walk(path), 0, args).error();
}

int UnionFixture::SetXattr(const std::string& path, const std::string& name, const std::string& value,
                           uint32_t flags) {
  return fs_->SetXattr(me_, Walk(path), name, value, flags, false).error();
}

std::string UnionFixture::ReadHandle(Handle handle) {
  std::string data(1 << 16, '\0');
  Result<size_t> n = fs_->Read(0, handle, 0, data);
  return n.ok() ? data.substr(0, *n) : "errno " + std::to_string(n.error());
}

std::string UnionFixture::Read(const std::string& path) {
  NodeId node = Walk(path);
  if (node == 0) return "(absent)";
  Result<Opened> file = fs_->Open(me_, node, O_RDONLY, false);
  if (!file.ok()) return "errno " + std::to_string(file.error());
  std::string text = ReadHandle(file->handle);
  fs_->Release(node, file->handle);
  return text;
}

Attr UnionFixture::Stat(const std::string& path) {
  Result<AttrReply> reply = fs_->GetAttr(me_, Walk(path), 0);
  EXPECT_EQ(reply.error(), 0) << path;
  return reply.ok() ? reply->attr : Attr();
}

std::vector<std::string> UnionFixture::List(const std::string& path) {
  std::vector<std::string> names;
  NodeId node = Walk(path);
  Result<Opened> dir = fs_->OpenDir(me_, node, 0);
  if (!dir.ok()) return {"errno " + std::to_string(dir.error())};
  Status read = fs_->ReadDir(node, dir->handle, 0, [&](const DirEntry& e) {
    if (e.name != "." && e.name != "..") names.emplace_back(e.name);
    return true;
  });
  EXPECT_EQ(read.error(), 0) << path;
  fs_->ReleaseDir(node, dir->handle);
  std::sort(names.begin(), names.end());
  return names;
}

TreeText UnionFixture::View() {
  TreeText view;
  ViewInto(kRootNode, "", &view);
  return view;
}

void UnionFixture::ViewInto(NodeId dir, const std::string& prefix, TreeText* view) {
  Result<Opened> open = fs_->OpenDir(me_, dir, 0);
  ASSERT_EQ(open.error(), 0) << prefix;
  std::map<std::string, uint64_t> listed;
  Status read = fs_->ReadDir(dir, open->handle, 0, [&](const DirEntry& e) {
    if (e.name == "." || e.name == "..") return true;
    EXPECT_TRUE(listed.emplace(e.name, e.ino).second) << "listed twice: " << prefix << e.name;
    return true;
  });
  EXPECT_EQ(read.error(), 0) << prefix;
  fs_->ReleaseDir(dir, open->handle);
  for (const auto& [name, ino] : listed) {
    std::string path = prefix + name;
    Result<Entry> entry = fs_->Lookup(me_, dir, Name::Trusted(name));
    if (!entry.ok() || entry->node == 0) {
      ADD_FAILURE() << path << " is listed but cannot be looked up: " << entry.error();
      continue;
    }
    const Attr& attr = entry->attr;
    EXPECT_TRUE(attr.ino == ino || !numbers_agree_) << path << " " << attr.ino << " " << ino;
    std::string& text = (*view)[path];
    text = Octal(attr.mode) + " " + std::to_string(attr.uid) + ":" + std::to_string(attr.gid);
    if (S_ISDIR(attr.mode)) {
      ViewInto(entry->node, path + "/", view);
      continue;
    }
    text += " links " + std::to_string(attr.nlink);
    if (S_ISREG(attr.mode)) text += " text " + Read(path);
    if (S_ISLNK(attr.mode)) text += " to " + fs_->ReadLink(me_, entry->node).value_or("?");
  }
}

int ActAt::Before(Op op) {
  if (op == op_ && ++seen_ == nth_) act_();
  return 0;
}

}  // namespace plyfs
