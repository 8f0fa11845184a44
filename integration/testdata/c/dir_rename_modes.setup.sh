mkdir -p top/readonly/sub top/secret top/sticky top/setgid/sub linked locked/in
for d in top/readonly top/secret top/sticky top/setgid locked/in; do echo text > $d/f; done
echo name > name; ln name linked/other; echo same > unwritable; ln unwritable linked/same
