// Mutations of whole messages: libFuzzer's own, which know bytes, rarely put one message before another.
#include <algorithm>
#include <cstring>
#include <random>

#include "fuse/op_table.h"
#include "fuzz/fuse_client.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace plyfs::fuzz {
namespace {

using fuse::wire::InHeader;

class Mutation {
 public:
  Mutation(ClientScript& script, unsigned seed) : script_(script), dice_(seed) {}

  void Run() {
    switch (Below(9)) {
      case 0:
        return Insert(New());
      case 1:
        return Insert(Any());
      case 2:
        script_.messages.erase(script_.messages.begin() + static_cast<ptrdiff_t>(Place()));
        return;
      case 3:
        return std::swap(script_.messages[Place()], script_.messages[Place()]);
      case 4:
        Any().flags = static_cast<uint8_t>(Below(4) == 0 ? Below(16) : 0);
        return;
      case 5:
        Any().answer = static_cast<uint8_t>(Below(2) == 0 ? Below(256) : 0);
        return;
      case 6:
        return Header(Any());
      default:
        return Bytes(Any());
    }
  }

 private:
  uint32_t Below(uint32_t end) { return static_cast<uint32_t>(dice_() % end); }
  size_t Place() { return Below(static_cast<uint32_t>(script_.messages.size())); }
  ClientMessage& Any() { return script_.messages[Place()]; }
  void Insert(const ClientMessage& message) {
    ClientMessage copy = message;
    script_.messages.insert(script_.messages.begin() + static_cast<ptrdiff_t>(Place()), std::move(copy));
  }

  // Of an operation that there is, with as many bytes as it needs.
  ClientMessage New() {
    InHeader header{};
    header.opcode = Below(fuse::wire::kOpcodeCount);
    header.unique = dice_() % 64 * 2;
    header.nodeid = 1 + Below(4);
    std::string body(fuse::FindOperation(header.opcode).least + Below(16), '\0');
    for (char& byte : body) byte = Below(3) == 0 ? static_cast<char>(dice_()) : '\0';
    ClientMessage message;
    message.bytes = std::string(reinterpret_cast<const char*>(&header), sizeof header) + body;
    return message;
  }

  void Header(ClientMessage& message) {
    if (message.bytes.size() < sizeof(InHeader)) return;
    InHeader header = message.header();
    switch (Below(6)) {
      case 0:
        header.opcode = Below(fuse::wire::kOpcodeCount);
        break;
      case 1:
        header.nodeid = Below(8);
        break;
      case 2:
        header.unique = Any().header().unique;
        break;
      case 3:
        header.uid = Below(3) * 1000;
        break;
      case 4:
        header.pid = 1u << Below(18);
        break;
      default:
        header.total_extlen = static_cast<uint16_t>(Below(5));
    }
    std::memcpy(message.bytes.data(), &header, sizeof header);
  }

  void Bytes(ClientMessage& message) {
    // Behind the header mostly.
    const size_t from = message.bytes.size() > sizeof(InHeader) && Below(4) != 0 ? sizeof(InHeader) : 0;
    std::string bytes = message.bytes.substr(from);
    const size_t size = bytes.size();
    bytes.resize(std::min<size_t>(size + 64, 0xffff - from));
    bytes.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(bytes.data()), size, bytes.size()));
    message.bytes.replace(from, std::string::npos, bytes);
  }

  ClientScript& script_;
  std::minstd_rand dice_;
};

}  // namespace

size_t MutateScript(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  ClientScript script = ClientScript::Parse({reinterpret_cast<const char*>(data), size});
  if (script.messages.empty()) script.messages.emplace_back();
  if (seed % 32 == 0) script.flags = static_cast<uint8_t>(seed / 32 % 32);
  Mutation(script, seed).Run();
  std::string text = script.Text();
  while (text.size() > max_size && !script.messages.empty()) {
    script.messages.pop_back();
    text = script.Text();
  }
  text.resize(std::min(text.size(), max_size));
  std::memcpy(data, text.data(), text.size());
  return text.size();
}

}  // namespace plyfs::fuzz
