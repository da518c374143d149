#include "engine/layer/index_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "engine/base/log.h"
#include "engine/io/sys_file.h"
#include "engine/io/sys_handle.h"
#include "engine/io/sys_open.h"
#include "engine/io/sys_stat.h"
#include "engine/layer/layer.h"

namespace plyfs {
namespace {

// A directory changed so shortly before the reading began may have changed once more within it, unseen.
constexpr int64_t kDoubtfulSeconds = 2;

// Who may write there decides what a privileged mount shows.
const char* WhyNotOurs(const struct statx& st) {
  if (st.stx_uid != ::geteuid() && st.stx_uid != 0) return "it belongs to somebody else";
  if ((st.stx_mode & (S_IWGRP | S_IWOTH)) != 0) return "others may write to it";
  return nullptr;
}

std::string_view FromRoot(std::string_view path) {
  return path == "." ? std::string_view() : path;
}

}  // namespace

Result<LayerIdentity> IdentityOf(const Layer& layer) {
  LayerIdentity identity;
  identity.uuid = layer.uuid();
  PLY_TRY(sys::FileHandle handle, sys::NameToHandleAt(layer.root()));
  identity.handle_type = handle.type;
  identity.handle = std::move(handle.bytes);
  if (identity.handle.empty()) return Errno(EOPNOTSUPP);
  return identity;
}

Result<UniqueFd> OpenIndexFolder(const std::string& path, std::string* why) {
  Result<UniqueFd> folder = sys::OpenAt2(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY, 0, 0);
  if (!folder.ok()) {
    *why = std::strerror(folder.error());
    return folder;
  }
  PLY_TRY(struct statx st, sys::StatxFd(folder->get()));
  if (const char* cause = WhyNotOurs(st)) {
    *why = cause;
    return Errno(EPERM);
  }
  return folder;
}

std::unique_ptr<IndexFile> IndexFile::Open(int folder, const Layer& layer, const Terms& terms,
                                           IndexMemory* memory, std::string* why) {
  auto no = [&](const char* cause) {
    *why = cause;
    return nullptr;
  };
  Result<LayerIdentity> identity = IdentityOf(layer);
  if (!identity.ok()) return nullptr;
  const std::string name = IndexFileName(*identity);
  Result<UniqueFd> fd = sys::OpenBeneath(folder, name.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (fd.error() == ENOENT) return nullptr;
  if (!fd.ok()) return no(std::strerror(fd.error()));
  Result<struct statx> st = sys::StatxFd(fd->get());
  if (!st.ok()) return no(std::strerror(st.error()));
  if (!S_ISREG(st->stx_mode)) return no("not a file");
  if (const char* cause = WhyNotOurs(*st)) return no(cause);
  std::string bytes(kIndexHeaderSize, '\0');
  Result<size_t> size = sys::Pread(fd->get(), bytes.data(), bytes.size(), 0);
  if (!size.ok()) return no(std::strerror(size.error()));
  bytes.resize(*size);
  const char* cause = nullptr;
  std::optional<IndexHeader> header = ParseIndexHeader(bytes, st->stx_size, &cause);
  if (!header) return no(cause);
  if (!(header->layer == *identity)) return no("of another layer");
  if (terms.trusted && !header->trusted) return no("made without the right to see trusted.overlay.* records");
  if (terms.frozen) {
    Result<struct statx> root = sys::StatxFd(layer.root());
    if (!root.ok()) return no(std::strerror(root.error()));
    const TimeSpec ctime{root->stx_ctime.tv_sec, root->stx_ctime.tv_nsec};
    if (!(ctime == header->root_ctime)) return no("older than the layer's last change; make it anew");
  }
  std::unique_ptr<IndexFile> file(new IndexFile(*std::move(fd), *std::move(header), layer.path(), memory));
  if (!file->LoadHashes()) return no("damaged");
  return file;
}

IndexFile::IndexFile(UniqueFd fd, IndexHeader header, std::string layer, IndexMemory* memory)
    : fd_(std::move(fd)), header_(std::move(header)), layer_(std::move(layer)), memory_(memory) {
  MutexLock lock(mu_);
  blocks_.resize(header_.blocks);
  pages_.resize(header_.pages);
}

bool IndexFile::LoadHashes() {
  // With one page there is nothing to choose.
  if (header_.pages == 1) return true;
  Result<std::string> bytes = ReadExactly(header_.hashes_at(), header_.pages * sizeof(uint64_t));
  if (!bytes.ok()) return false;
  std::optional<std::vector<uint64_t>> hashes = ParsePageHashes(*bytes, header_);
  if (!hashes) return false;
  page_hashes_ = *std::move(hashes);
  return true;
}

Result<std::string> IndexFile::ReadExactly(uint64_t at, size_t size) const {
  std::string bytes(size, '\0');
  PLY_TRY(size_t got, sys::Pread(fd_.get(), bytes.data(), size, at));
  if (got != size) return Errno(EIO);
  return bytes;
}

std::shared_ptr<const IndexFile::Page> IndexFile::LoadPage(uint32_t number) {
  {
    MutexLock lock(mu_);
    if (const auto& page = pages_[number]) {
      page->NoteUse();
      return page;
    }
  }
  Result<std::string> bytes = ReadExactly(header_.page_at(number), header_.page_size(number));
  std::optional<IndexPage> parsed = bytes.ok() ? IndexPage::Parse(*std::move(bytes)) : std::nullopt;
  if (!parsed) return GiveUp("damaged"), nullptr;
  const size_t size = parsed->bytes();
  auto page = std::make_shared<const Page>(*std::move(parsed));
  {
    MutexLock lock(mu_);
    if (pages_[number]) return pages_[number];
    pages_[number] = page;
  }
  memory_->Charge(this, header_.blocks + number, size);
  return page;
}

std::shared_ptr<const IndexFile::Block> IndexFile::LoadBlock(uint32_t number) {
  {
    MutexLock lock(mu_);
    if (const auto& block = blocks_[number]) {
      block->NoteUse();
      return block;
    }
  }
  const size_t block_size = header_.block_size(number);
  std::unique_ptr<char[]> bytes(new char[block_size]);
  Result<size_t> got = sys::Pread(fd_.get(), bytes.get(), block_size, header_.block_at(number));
  std::optional<IndexBlock> parsed;
  if (got.ok() && *got == block_size) parsed = IndexBlock::Parse(std::move(bytes), block_size);
  if (!parsed) return GiveUp("damaged"), nullptr;
  const size_t size = parsed->bytes();
  auto block = std::make_shared<const Block>(*std::move(parsed));
  {
    MutexLock lock(mu_);
    if (blocks_[number]) return blocks_[number];
    blocks_[number] = block;
  }
  memory_->Charge(this, number, size);
  return block;
}

bool IndexFile::DropUnused(uint32_t place) {
  // Freed after the lock.
  std::shared_ptr<const Block> block;
  std::shared_ptr<const Page> page;
  MutexLock lock(mu_);
  if (place < header_.blocks) {
    if (blocks_[place] && blocks_[place]->used.exchange(false, std::memory_order_relaxed)) return false;
    block = std::move(blocks_[place]);
  } else {
    const uint32_t number = place - header_.blocks;
    if (pages_[number] && pages_[number]->used.exchange(false, std::memory_order_relaxed)) return false;
    page = std::move(pages_[number]);
  }
  return true;
}

void IndexFile::GiveUp(const char* why) {
  if (given_up_.exchange(true)) return;
  Logf("index_dir: the index of lowerdir=%s is %s: the layer is read instead", layer_.c_str(), why);
}

std::optional<IndexFile::Directory> IndexFile::Find(std::string_view path) {
  path = FromRoot(path);
  if (std::optional<Part> part = FindPart(path)) {
    Directory found(part->block, part->part.entry(0));
    found.part_ = std::move(part);
    return found;
  }
  if (path.empty()) return std::nullopt;
  // One that holds nothing is told of where it stands.
  const size_t slash = path.rfind('/');
  std::optional<Part> above = FindPart(slash == path.npos ? std::string_view() : path.substr(0, slash));
  if (!above) return std::nullopt;
  std::optional<Answer> answer = AskPart(*std::move(above), path.substr(slash == path.npos ? 0 : slash + 1));
  if (!answer || !answer->held || !answer->held->entry.holds_nothing()) return std::nullopt;
  return Directory(std::move(answer->held->block), answer->held->entry);
}

std::optional<IndexFile::Part> IndexFile::FindPart(std::string_view path) {
  if (given_up_.load(std::memory_order_relaxed)) return std::nullopt;
  const uint64_t hash = IndexPathHash(header_.hash_key, path);
  uint32_t number = 0;
  if (!page_hashes_.empty()) {
    // Equal hashes may begin at the end of the page before the first that begins with them.
    auto first = std::lower_bound(page_hashes_.begin(), page_hashes_.end(), hash);
    number = static_cast<uint32_t>(std::max<ptrdiff_t>(first - page_hashes_.begin() - 1, 0));
  }
  for (; number < header_.pages; ++number) {
    std::shared_ptr<const Page> page = LoadPage(number);
    if (!page) return std::nullopt;
    const bool last = number + 1 == header_.pages;
    const uint64_t least = page_hashes_.empty() ? 0 : page_hashes_[number];
    size_t i = page->value.LowerBound(hash, least, last ? ~uint64_t{0} : page_hashes_[number + 1]);
    for (; i < page->value.size(); ++i) {
      const IndexSlot slot = page->value.slot(i);
      if (slot.path_hash != hash) return std::nullopt;
      if (std::optional<Part> found = Follow(slot, path)) return found;
      if (given_up_.load(std::memory_order_relaxed)) return std::nullopt;
    }
  }
  return std::nullopt;
}

// Nothing: another path of the same hash, or given up.
std::optional<IndexFile::Part> IndexFile::Follow(const IndexSlot& slot, std::string_view path) {
  if (slot.block >= header_.blocks) return GiveUp("damaged"), std::nullopt;
  std::shared_ptr<const Block> block = LoadBlock(slot.block);
  if (!block) return std::nullopt;
  std::optional<IndexPart> part = block->value.part(slot.part);
  if (!part || !part->first()) return GiveUp("damaged"), std::nullopt;
  if (part->path() != path) return std::nullopt;
  return Part{std::move(block), *part, slot.block};
}

std::optional<IndexFile::Part> IndexFile::PartOf(const Part& first, uint32_t number) {
  if (number == 0) return first;
  const uint64_t at = uint64_t{first.number} + number;
  if (at >= header_.blocks) return GiveUp("damaged"), std::nullopt;
  std::shared_ptr<const Block> block = LoadBlock(static_cast<uint32_t>(at));
  if (!block) return std::nullopt;
  std::optional<IndexPart> part = block->value.part(0);
  if (!part || part->first() || part->number() != number || part->path() != first.part.path()) {
    return GiveUp("damaged"), std::nullopt;
  }
  return Part{std::move(block), *part, static_cast<uint32_t>(at)};
}

IndexFile::Answer IndexFile::Ask(std::string_view path, std::string_view name) {
  if (name.empty()) return Answer();  // would be the directory itself
  std::optional<Directory> dir = Find(path);
  if (!dir) return Answer();
  if (!dir->part_) return Answer{true, std::nullopt};
  std::optional<Answer> answer = AskPart(*std::move(dir->part_), name);
  return answer && !(answer->held && answer->held->entry.ask_layer()) ? *std::move(answer) : Answer();
}

std::optional<IndexFile::Answer> IndexFile::AskPart(Part first, std::string_view name) {
  uint32_t low = 0, high = first.part.number();
  Part in = first;
  while (high - low > 1) {
    const uint32_t middle = low + (high - low) / 2;
    std::optional<Part> part = PartOf(first, middle);
    if (!part) return std::nullopt;
    if (part->part.entry(0).name() <= name) {
      low = middle;
      in = *std::move(part);
    } else {
      high = middle;
    }
  }
  std::optional<IndexEntryView> entry = in.part.Find(name);
  if (!entry) return Answer{true, std::nullopt};
  return Answer{true, Held{std::move(in.block), *entry}};
}

Status IndexFile::Visit(const Directory& dir, const std::function<Status(const IndexEntryView&)>& visit) {
  const uint32_t parts = dir.part_ ? dir.part_->part.number() : 0;
  std::optional<Part> before;
  for (uint32_t number = 0; number < parts; ++number) {
    std::optional<Part> part = PartOf(*dir.part_, number);
    if (!part) return Errno(kGivenUp);
    const IndexPart& now = part->part;
    if (before && now.entry(0).name() <= before->part.entry(before->part.size() - 1).name()) {
      GiveUp("damaged");
      return Errno(kGivenUp);
    }
    for (size_t i = number == 0 ? 1 : 0; i < now.size(); ++i) PLY_CHECK(visit(now.entry(i)));
    before = std::move(part);
  }
  return OkStatus();
}

bool IndexFile::Doubtful(const TimeSpec& mtime) const {
  return mtime.sec >= header_.made.sec - kDoubtfulSeconds;
}

}  // namespace plyfs
