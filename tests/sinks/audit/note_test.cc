#include "sinks/audit/log/note.h"

#include <gmock/gmock.h>

#include "runtime/files.h"
#include "tests/sinks/audit/fixture.h"

namespace portcall::sinks::audit {
namespace {

using ::testing::HasSubstr;

// The example of Go's golang.org/x/mod/sumdb/note: what others sign, we verify.
constexpr const char* kPeter = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
constexpr const char* kPetersNote =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\xE2\x80\x94 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

class NoteTest : public AuditFolder {};

TEST_F(NoteTest, VerifiesWhatOthersSigned) {
  const auto key = VerifierKey::Parse(kPeter);
  ASSERT_TRUE(key) << key.error().detail;
  EXPECT_EQ(key->Text(), kPeter);
  const auto text = key->Open(kPetersNote);
  ASSERT_TRUE(text);
  EXPECT_THAT(*text, HasSubstr("what your problem is.\n"));
  std::string changed = kPetersNote;
  changed[0] = 'i';
  EXPECT_FALSE(key->Open(changed));
}

TEST_F(NoteTest, OpensWhatItSigned) {
  const std::string note = key_->Sign("hello\nworld\n");
  EXPECT_EQ(key_->verifier().Open(note), "hello\nworld\n");
  EXPECT_EQ(VerifierKey::Parse(key_->verifier().Text())->Open(note), "hello\nworld\n");
  // Other people's signatures may stand beside ours, before or behind.
  const std::size_t at = note.find("\xE2\x80\x94");
  const std::string other = "\xE2\x80\x94 witness AAAAAAAA\n";
  EXPECT_TRUE(key_->verifier().Open(note + other));
  EXPECT_TRUE(key_->verifier().Open(note.substr(0, at) + other + note.substr(at)));
}

TEST_F(NoteTest, DoesNotOpenWhatItDidNotSign) {
  const std::string note = key_->Sign("hello\n");
  EXPECT_FALSE(VerifierKey::Parse(kPeter)->Open(note));
  EXPECT_FALSE(key_->verifier().Open("hello\n"));
  EXPECT_FALSE(key_->verifier().Open(""));
  for (std::size_t i = 0; i < note.size(); ++i) {
    std::string changed = note;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(key_->verifier().Open(changed)) << i;
  }
}

TEST_F(NoteTest, WrongVerifierKeysAreToldApart) {
  EXPECT_FALSE(VerifierKey::Parse("nothing"));
  EXPECT_FALSE(VerifierKey::Parse("two words+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"));
  EXPECT_FALSE(VerifierKey::Parse("PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"));
  EXPECT_FALSE(VerifierKey::Parse("PeterNeumann+c74f20a3+ARpc2Qc="));
}

TEST_F(NoteTest, ACheckpointIsReadBack) {
  const Checkpoint checkpoint{"registry.example.com", 12'345, Hashing().Plain("x")};
  const auto read = Checkpoint::Parse(checkpoint.Text());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->origin, checkpoint.origin);
  EXPECT_EQ(read->size, checkpoint.size);
  EXPECT_EQ(read->root, checkpoint.root);
  for (const char* wrong : {"", "a\n1\n", "a\n01\nAAAA\n", "a\nx\nAAAA\n", "\n1\nAAAA\n", "a\n1\nAAAA\n"}) {
    EXPECT_FALSE(Checkpoint::Parse(wrong)) << wrong;
  }
}

TEST_F(NoteTest, NotesStandOneBehindTheOther) {
  const std::string one = key_->Sign("one\n");
  const std::string two = key_->Sign("two\n");
  const std::string text = one + '\n' + two;
  const auto first = NextNote(text, 0);
  ASSERT_TRUE(first);
  EXPECT_EQ(text.substr(first->begin, first->end - first->begin), one);
  const auto second = NextNote(text, first->end);
  ASSERT_TRUE(second);
  EXPECT_EQ(text.substr(second->begin, second->end - second->begin), two);
  EXPECT_FALSE(NextNote(text, second->end));
  EXPECT_FALSE(NextNote(text.substr(0, text.size() - 1), first->end));
}

TEST_F(NoteTest, AKeyIsMadeOnce) {
  const auto again = SigningKey::Load(folder() / kPrivateKey, "registry.example.com", true);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->verifier().Text(), key_->verifier().Text());
  EXPECT_FALSE(SigningKey::Load(folder() / "another", "registry.example.com", false));
}

TEST(Tree, HasTheRootsOfRfc6962) {
  // The reference vectors of Certificate Transparency.
  const std::vector<std::string> leaves{{},
                                        {std::string(1, '\0')},
                                        "\x10",
                                        "\x20\x21",
                                        "\x30\x31",
                                        "\x40\x41\x42\x43",
                                        "\x50\x51\x52\x53\x54\x55\x56\x57",
                                        "\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f"};
  const std::vector<std::string> roots{"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                                       "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                                       "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                                       "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                                       "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                                       "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                                       "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                                       "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  Hashing hashing;
  Tree tree;
  EXPECT_EQ(HexOf(tree.Root(hashing)), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    tree.Append(hashing, hashing.Leaf(leaves[i]));
    EXPECT_EQ(HexOf(tree.Root(hashing)), roots[i]) << i;
    Tree restored;
    ASSERT_TRUE(Tree::Restore(tree.size(), tree.roots(), restored));
    EXPECT_EQ(restored.Root(hashing), tree.Root(hashing));
  }
  Tree wrong;
  EXPECT_FALSE(Tree::Restore(3, {Hash{}}, wrong));
}

}  // namespace
}  // namespace portcall::sinks::audit
