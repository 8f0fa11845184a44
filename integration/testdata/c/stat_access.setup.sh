for m in 000 111 222 333 400 444 555 666 711 755 777; do : > f$m; chmod $m f$m; done
mkdir open closed nosearch noread; : > closed/x; : > nosearch/x; : > noread/x; : > open/x
