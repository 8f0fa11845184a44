mkdir old olddirs
make() { printf "$1" | { n=$(cat; echo .); n=${n%.}; echo text > "old/$n"; mkdir "olddirs/$n"; echo text > "olddirs/$n/in"; }; }
make 'new\nline'; make '\n'; make '\377\376'; make 'x (deleted)'; make ' (deleted)'; make 'back\\012slash'; make 'tab\there'; make ' '
make '  two'; make '\055rf'; make "\"'\`\$;"; make '\001\177'; make 'caf\303\251'; make 'cafe\314\201'; make '~'; make '#'; make '...'
make '..a'; make 'a.'; make '.laplace-0'; make '.wh.x'
