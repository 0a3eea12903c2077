#include "registry/request/routes.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace portcall::registry {
namespace {

void ExpectRoute(std::string_view path, Place place, std::string_view name = {}, std::string_view reference = {}) {
  const Route route = MatchRoute(path, "/");
  EXPECT_EQ(route.place, place) << path;
  EXPECT_EQ(route.name, name) << path;
  EXPECT_EQ(route.reference, reference) << path;
}

TEST(Routes, EveryPlaceHasItsPath) {
  ExpectRoute("/", Place::kAlive);
  ExpectRoute("/v2", Place::kRedirect, "", "/v2/");
  ExpectRoute("/v2/", Place::kBase);
  ExpectRoute("/v2/_catalog", Place::kCatalog);
  ExpectRoute("/v2/a/b/tags/list", Place::kTags, "a/b");
  ExpectRoute("/v2/a/b/tags/reference/v1", Place::kTagReference, "a/b", "v1");
  ExpectRoute("/v2/a/b/manifests/v1", Place::kManifest, "a/b", "v1");
  ExpectRoute("/v2/a/manifests/sha256:ab", Place::kManifest, "a", "sha256:ab");
  ExpectRoute("/v2/a/blobs/sha256:zzz", Place::kBlob, "a", "sha256:zzz");
  ExpectRoute("/v2/a/blobs/uploads/", Place::kUploads, "a");
  ExpectRoute("/v2/a/blobs/uploads", Place::kUploads, "a");
  ExpectRoute("/v2/a/blobs/uploads/0b87", Place::kUpload, "a", "0b87");
  ExpectRoute("/v2/a/referrers/sha256:ab", Place::kReferrers, "a", "sha256:ab");
}

TEST(Routes, NamesMayContainTheWordsOfRoutes) {
  ExpectRoute("/v2/a/manifests/b/tags/list", Place::kTags, "a/manifests/b");
  ExpectRoute("/v2/blobs/uploads/manifests/v1", Place::kManifest, "blobs/uploads", "v1");
  ExpectRoute("/v2/tags/list/blobs/uploads/", Place::kUploads, "tags/list");
  ExpectRoute("/v2/x/tags/manifests/list", Place::kManifest, "x/tags", "list");
}

TEST(Routes, AnotherSpellingLeadsToTheOneThatWasMeant) {
  for (const auto& [path, meant] :
       std::map<std::string, std::string>{{"/v2/_catalog/", "/v2/_catalog"},
                                          {"//v2/", "/v2/"},
                                          {"///v2//_catalog", "/v2/_catalog"},
                                          {"/v2/a/tags/list/", "/v2/a/tags/list"},
                                          {"/v2/a/manifests/v1/", "/v2/a/manifests/v1"},
                                          {"/v2//a/./blobs/uploads/", "/v2/a/blobs/uploads/"},
                                          {"/v2/a/../b/tags/list", "/v2/b/tags/list"},
                                          {"/../v2/.", "/v2/"}}) {
    ExpectRoute(path, Place::kRedirect, "", meant);
  }
}

TEST(Routes, WhatDoesNotMatchIsNowhere) {
  for (const char* path :
       {"/v2/UPPER/tags/list", "/v2/_x/y/tags/list", "/v2/x-/y/tags/list", "/v2/x___y/tags/list",
        "/v2/a/manifests/.bad", "/v2/a/manifests/", "/v2/tags/list", "/v2/a", "/v1/", "/v2x/", "//example.com/",
        "/v2//tags/list", "/v2/a/blobs/nodigest", "/favicon.ico", "", "/v2/a%00b/tags/list"}) {
    ExpectRoute(path, Place::kNone);
  }
}

TEST(Routes, EscapesAreDecodedFirst) { ExpectRoute("/v2/a/blobs/sha256%3Aab", Place::kBlob, "a", "sha256:ab"); }

TEST(Routes, UnderAPrefixOnlyThePrefixIsServed) {
  EXPECT_EQ(MatchRoute("/my/nested/v2/", "/my/nested/").place, Place::kBase);
  EXPECT_EQ(MatchRoute("/my/nested/v2", "/my/nested/").reference, "/my/nested/v2/");
  EXPECT_EQ(MatchRoute("/v2/", "/my/nested/").place, Place::kNone);
  EXPECT_EQ(MatchRoute("/", "/my/nested/").place, Place::kAlive);
}

TEST(Routes, ReadOnlyAllowsReadingOnly) {
  EXPECT_EQ(AllowedMethods(Place::kManifest, false), "DELETE, GET, HEAD, PUT");
  for (const Place place : {Place::kManifest, Place::kBlob, Place::kUploads, Place::kUpload}) {
    EXPECT_EQ(AllowedMethods(place, true), "GET, HEAD");
  }
  EXPECT_EQ(AllowedMethods(Place::kTagReference, true), "");
}

}  // namespace
}  // namespace portcall::registry
